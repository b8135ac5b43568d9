-- changes.sql - what is done to the tables of tables.sql while Debezium reads; the parts are
-- marked as there.
-- [all]
SET NAMES utf8mb4;
SET sql_mode='ALLOW_INVALID_DATES';
SET time_zone='+02:00';
INSERT INTO ints (t, t1, b, s, su, m, mu, i, iu, z, l, lu, lud, tu) VALUES
  (-128,1,TRUE,-32768,65535,-8388608,16777215,-2147483648,4294967295,42,-9223372036854775808,18446744073709551615,9223372036854775808,255),
  (127,0,FALSE,32767,0,8388607,0,2147483647,0,0,9223372036854775807,9223372036854775807,0,0);
INSERT INTO years VALUES (1,NULL,2155,0),(2,5,0,1901),(3,6,NULL,2000);
INSERT INTO ints (i) VALUES (3);
INSERT INTO ints (i, s, mu, iu, l) VALUES (4, NULL, NULL, NULL, NULL);
UPDATE ints SET t = 5 WHERE id = 1;
UPDATE ints SET id = 10 WHERE id = 2;
DELETE FROM ints WHERE id = 3;
INSERT INTO reals (id, f, fm, fd, f53, d, dm, n, nd, nn, n0, nu, n5) VALUES
  (1,1.1,1.1,0.1,0.1,0.1,0.1,1.50,-0.01,-0.000000000000000000000000000001,99999,18446744073709551616,0.5),
  (2,1e10,-1234.5,3.4e38,1e22,1.7976931348623157e308,-1234.5678,-99999999.99,12.3,99999999999999999999999999999999999.999999999999999999999999999999,-1,0,-0.00001),
  (3,16777216,0,-1e-38,5e-324,5e-324,0,0,0,0,0,99999999999999999999,0),
  (4,123456789,9999.999,1e-5,1e21,1e7,12345678,0.05,100,1,-99999,1,0.99999),
  (5,NULL,NULL,1,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO reals (id) VALUES (6);
INSERT INTO texts (a, k, c, v, v2, tt, tx, mt, lt, e, en, se, sn) VALUES
  ('ab','key1','a  ','é€😀','plain "q" \\ \n\t\b\f\r/','','long','m','l','é','y','x,é','p,q'),
  ('','key2','','','','','','','','','x','',''),
  ('','key3',NULL,NULL,'v',NULL,NULL,NULL,'\0\Z<>&''',NULL,'x',NULL,''),
  ('','key4','x','y','z ','a','b','c','d','d,e','y','x,y,é,w','q');
INSERT INTO texts (k, v2, lt, en, sn) VALUES ('key5', '', '', 'y', 'p');
UPDATE texts SET k = 'key9', tx = 'moved' WHERE k = 'key1';
DELETE FROM texts WHERE k = 'key2';
INSERT INTO bytes (id, bi, bd, vb, vd, tb, bl, mb, lb, b1, b1d, b8, b9, b64) VALUES
  (1,X'01',X'010203',X'FBFF0001',X'00',X'FBFF00',X'00',X'FFEE',X'FBFFFE',b'1',b'0',b'11111111',b'100000000',X'0102030405060708'),
  (2,'\0\0\0\0','','','','','','','',0,1,0,0,0),
  (3,NULL,'a',NULL,NULL,NULL,NULL,NULL,'x',NULL,1,NULL,NULL,NULL);
INSERT INTO bytes (id, lb) VALUES (4, 'y');
INSERT INTO times (id, d, dn, t, t3, t6, tn, dt, dt3, dt4, dt6, dtn, dtd, dtc, ts, ts1, ts3, ts6, tsn, tsc, tsz) VALUES
  (1,'2026-11-22','2026-11-22','13:37:03','13:37:03.120','13:37:03.123456','00:00:01','2026-11-22 10:30:15','2026-11-22 10:30:15.120','2026-11-22 10:30:15.1200','2026-11-22 10:30:15.123456','1969-12-31 23:59:59','2026-11-22 10:30:15','2026-11-22 10:30:15','2018-06-20 15:37:03','2018-06-20 15:37:03.1','2018-06-20 15:37:03.12','2018-06-20 15:37:03.12','2038-01-19 05:14:07','2018-06-20 15:37:00','2018-06-20 15:37:00'),
  (2,'1000-01-01','9999-12-31','00:00:00','23:59:59.999','23:59:59.999999','12:00:00','1970-01-01','1969-12-31 23:59:59.999','1969-12-31 23:59:59.9999','1677-09-22 00:00:00','2000-02-29 00:00:00','1900-01-01','1970-01-02','2018-06-20 15:37:00','2018-06-20 15:37:00','2018-06-20 15:37:00','2018-06-20 15:37:00','2018-06-20 15:37:00','1970-01-01 02:00:01','2018-06-20 15:37:00'),
  (3,NULL,'1582-10-10',NULL,NULL,NULL,'23:00:00',NULL,NULL,NULL,NULL,'1700-01-01 00:00:00',NULL,NULL,NULL,NULL,NULL,NULL,'2018-06-20 15:37:00','2018-06-20 15:37:00','2018-06-20 15:37:00');
INSERT INTO zeros VALUES
  (1,'0000-00-00','0000-00-00','0000-00-00','0000-00-00','0000-00-00','0000-00-00',0,0),
  (2,'2015-00-07','2015-02-00','2015-02-00','2015-02-00','2015-00-00 10:00:00','0000-05-05 01:02:03',NULL,'2018-06-20 15:37:00'),
  (3,'0001-01-01','0070-01-01','0069-01-01','0099-01-01','0099-12-31','0100-01-01',NULL,'2018-06-20 15:37:00');
INSERT INTO ranges VALUES (1,'838:59:59','-838:59:59.000000'),(2,'-00:00:01','-00:00:00.500000'),(3,'24:00:00','24:00:00'),(4,'23:59:59','100:00:00.000001');
INSERT INTO docs VALUES
  (1,'{"b": [1, 2.5, "x", null, true], "a": {"c": 1e3}, "aa": -1}','[]'),
  (2,'"s"','{}'),(3,NULL,'{"k": "é😀 \\"q\\" \\\\ \\n", "n": 18446744073709551615, "m": -9223372036854775808, "f": 1.0, "e": 1e300, "s": 0.1}');
INSERT INTO charsets VALUES
  (1,'é€','řč','ąž','бг','бг','αβ','אב','中文','中文','日本','日本','한글','é中','é中😀','é中😀','é中😀','abc','é中','řč','б','ab'),
  (2,'','','','','','','','','','','','','','','','','','','','ř',''),
  (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO shapes VALUES
  (1,ST_GeomFromText('POINT(1 2)'),ST_GeomFromText('POINT(1.5 -2)'),ST_GeomFromText('POINT(0 0)'),ST_GeomFromText('LINESTRING(0 0,1 1)'),ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 0))'),ST_GeomFromText('MULTIPOINT(0 0,1 1)'),ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'),ST_GeomFromText('MULTIPOLYGON(((0 0,4 0,4 4,0 0)))'),ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')),
  (2,ST_GeomFromText('LINESTRING(0 0,1 1)', 4326),ST_GeomFromText('POINT(1 2)', 4326),ST_GeomFromText('POINT(1e300 -0.1)'),NULL,NULL,NULL,NULL,NULL,NULL);
-- [mysql mariadb-10.11]
INSERT INTO made (id, a) VALUES (1, 5), (2, NULL);
UPDATE made SET a = 6;
-- [all]
INSERT INTO nokey VALUES (1,'x'), (1,'x');
UPDATE nokey SET a = 2;
DELETE FROM nokey;
INSERT INTO uniq VALUES (1,5,'c');
UPDATE uniq SET b = 6;
DELETE FROM uniq;
INSERT INTO keys2 VALUES (1,'b',1.50,'2026-11-22',1);
UPDATE keys2 SET x = 2;
UPDATE keys2 SET d = '2026-11-23';
DELETE FROM keys2;
INSERT INTO keyed VALUES ('a "q" \\ é', 'abc', 1e20, 0.00000001, '2026-11-22', '01:02:03.5', '2026-11-22 01:02:03.000004', '2026-11-22 01:02:03', b'100000001', 'a', 2026);
UPDATE keyed SET s = 'x', f = 0.1, n = 12.5;
UPDATE keyed SET f = 1e-5, n = -0.0000001;
UPDATE keyed SET f = 12345678.5, n = 0, b = '';
INSERT INTO `odd-name.t` VALUES (1,2,3,4);
UPDATE `odd-name.t` SET `id 1` = 2;
BEGIN;
INSERT INTO tx_a VALUES (1,1),(2,2);
INSERT INTO tx_b VALUES (1,1);
UPDATE tx_a SET v = 9;
UPDATE tx_b SET id = 7;
COMMIT;
BEGIN;
INSERT INTO tx_a VALUES (3,3);
SAVEPOINT s;
INSERT INTO tx_b VALUES (3,3);
ROLLBACK TO s;
DELETE FROM tx_a WHERE id = 1;
COMMIT;
INSERT INTO ddl VALUES (1,1);
ALTER TABLE ddl ADD COLUMN w VARCHAR(5) NOT NULL DEFAULT 'w' AFTER id, MODIFY v BIGINT UNSIGNED;
INSERT INTO ddl VALUES (2,'x',2);
ALTER TABLE ddl DROP COLUMN v, CHANGE w ww TEXT;
INSERT INTO ddl VALUES (3,'y');
RENAME TABLE ddl TO ddl2;
INSERT INTO ddl2 VALUES (4,'z');
ALTER TABLE ddl2 DROP PRIMARY KEY;
UPDATE ddl2 SET id = 5 WHERE id = 4;
CREATE TABLE ddl LIKE ddl2;
INSERT INTO ddl VALUES (1,'like');
DROP TABLE ddl;
INSERT INTO emptied VALUES (1,1);
TRUNCATE TABLE emptied;
INSERT INTO emptied VALUES (2,2);
-- [mysql]
INSERT INTO mysqls (id, g, du, h) VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), 'u1', 1);
INSERT INTO mysqls VALUES (2, NULL, NULL, 'given', NULL);
INSERT INTO docs VALUES
  (4,JSON_OBJECT('d', CAST(1.50 AS DECIMAL(10,2)), 'dt', CAST('2026-11-22 01:02:03.5' AS DATETIME(1)), 'da', CAST('2026-11-22' AS DATE), 't', CAST('-01:02:03' AS TIME), 'b', X'00FF10'),'1');
SET SESSION binlog_rows_query_log_events = ON;
INSERT INTO emptied VALUES (3, '3') /* a "query" */;
DELETE FROM emptied WHERE id = 3;
SET SESSION binlog_rows_query_log_events = OFF;
-- [mysql-9.7]
INSERT INTO vectors VALUES (1, TO_VECTOR('[1,2.5,-3]'), TO_VECTOR('[0.1]')), (2, NULL, TO_VECTOR('[16777216,0.001]'));
INSERT INTO hidden VALUES (1);
UPDATE hidden SET i = 4;
-- [mariadb]
INSERT INTO marias (id, u) VALUES (1, '123e4567-e89b-12d3-a456-426655440000');
INSERT INTO marias (id, dx, sq) VALUES (2, NULL, NULL);
INSERT INTO emptied VALUES (3, '3') /* a "query" */;
-- [mariadb-11.8]
INSERT INTO vectors VALUES (1, VEC_FromText('[1,2.5,-3]'));
