/*
 * collation.c - collation_charset() of table_map.h.
 *
 * The ids as information_schema of MySQL 5.7, 8.0.15, 9.7 and MariaDB 10.11, 11.8 lists
 * them; tests/vectors/binlog/collations.txt keeps those lists. MariaDB counts its NOPAD
 * collations from 1024 and UCA 14 ones from 2048.
 */
#include "core/binlog/table_map.h"

static const struct {
	uint16_t first, last;
	uint8_t charset;
} ranges[] = {
	{5, 5, CHARSET_LATIN1},
	{8, 8, CHARSET_LATIN1},
	{11, 11, CHARSET_UTF8}, /* ascii */
	{15, 15, CHARSET_LATIN1},
	{31, 31, CHARSET_LATIN1},
	{33, 33, CHARSET_UTF8}, /* utf8mb3 */
	{45, 46, CHARSET_UTF8}, /* utf8mb4 */
	{47, 49, CHARSET_LATIN1},
	{63, 63, CHARSET_BINARY},
	{65, 65, CHARSET_UTF8}, /* ascii */
	{76, 76, CHARSET_UTF8}, /* utf8mb3 */
	{83, 83, CHARSET_UTF8},
	{94, 94, CHARSET_LATIN1},
	{192, 215, CHARSET_UTF8}, /* utf8mb3 */
	{223, 223, CHARSET_UTF8},
	{224, 247, CHARSET_UTF8}, /* utf8mb4 */
	{255, 323, CHARSET_UTF8},
	{576, 579, CHARSET_UTF8},   /* utf8mb3 */
	{608, 611, CHARSET_UTF8},   /* utf8mb4 */
	{1032, 1032, CHARSET_LATIN1},
	{1035, 1035, CHARSET_UTF8}, /* ascii */
	{1057, 1057, CHARSET_UTF8}, /* utf8mb3 */
	{1069, 1070, CHARSET_UTF8}, /* utf8mb4 */
	{1071, 1071, CHARSET_LATIN1},
	{1089, 1089, CHARSET_UTF8}, /* ascii */
	{1107, 1107, CHARSET_UTF8}, /* utf8mb3 */
	{1216, 1216, CHARSET_UTF8},
	{1238, 1238, CHARSET_UTF8},
	{1248, 1248, CHARSET_UTF8}, /* utf8mb4 */
	{1270, 1270, CHARSET_UTF8},
	{2048, 2215, CHARSET_UTF8}, /* utf8mb3 */
	{2232, 2247, CHARSET_UTF8},
	{2304, 2471, CHARSET_UTF8}, /* utf8mb4 */
	{2488, 2503, CHARSET_UTF8},
};

enum charset collation_charset(uint32_t collation)
{
	size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (collation < ranges[mid].first)
			high = mid;
		else if (collation > ranges[mid].last)
			low = mid + 1;
		else
			return ranges[mid].charset;
	}
	return CHARSET_OTHER;
}
