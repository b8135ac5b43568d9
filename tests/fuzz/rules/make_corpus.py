"""Makes the starting inputs of where_fuzz.c.

    python3 tests/fuzz/rules/make_corpus.py

Rewrites where_corpus/v_*; inputs under other names (found by fuzzing) stay.
"""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent / "where_corpus"
CONDITIONS = [
    "id = 7", "7 <= ID and price <> -12.50", "not (ratio < 5e-1 or ratio is null)",
    "name like 'gr\\_%' && name not like \"_\"", "state in ('new', NULL, 'paid')",
    "flags not in ('a')", "day between '2026-11-22' and '2026-12-01'",
    "at >= '2026-11-22 10:00:00.5' || stamp = '2026-11-22 10:00:00'", "lasts < '-01:00:00'",
    "raw = X'00ff'", "doc is not null", "`big` = 18446744073709551615", "id <=> null", "id", "true",
    "ratio < id", "!!(id)", "old = 'x' or old <=> name", "price not between 1 and 2",
]


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("v_*"):
        old.unlink()
    for number, condition in enumerate(CONDITIONS):
        how = bytes((n * 7 + number * 13 + 42) % 256 for n in range(14))
        values = bytes((n * 31 + number) % 256 for n in range(14 * 4 + 16 + number % 2))
        (HERE / f"v_{number:02}").write_bytes(condition.encode() + b"\0" + how + values)


if __name__ == "__main__":
    main()
