"""Prepares a data set in pandas as a card does in mmtl.

    python benches/peers/prepare_pandas.py epinions|movielens|generated same|least c|pyarrow OUT.parquet FILES...

`least`: read, join, scenes, labels, random split, vocabularies and means of train rows, one file of encoded rows.
`same`: besides, what mmtl also does: rows are known by their contents (so that their order in the file moves no row into
another part) and repeated ones told apart, fields that tell a label are looked for, base rates by scene and histograms
are made. The last is pandas' reader. Prints one JSON object.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from timed.memory import peak_bytes

SHARES = [0.8, 0.1, 0.1]  # train, valid, test
EPINIONS_SCENES = [*range(1, 20), 21, 22]
MOST_VALUES = 64  # a column of more is no renamed label
GENERATED_SCENES = ["search", "feed", "cart"]
LEAST_COUNTS = {"user": 2}  # rows of a value that gets an id, where not 1
MOVIELENS_SCENES = {1: 0, 18: 0, 25: 1, 35: 2, 45: 2, 50: 2, 56: 2}


def read(path: str, engine: str, sep: str = "\t") -> pd.DataFrame:
    # The C reader guesses types piece by piece, and warns, unless it may look at all of a column at once.
    options = {"low_memory": False} if engine == "c" else {}
    return pd.read_csv(path, sep=sep, engine=engine, **options)


def epinions(files: list[str], engine: str):
    rows = read(files[0], engine)
    rows = rows[rows["category"].isin(EPINIONS_SCENES)]
    scenes = pd.Index(EPINIONS_SCENES).get_indexer(rows["category"])
    labels = {"rating": rows["rating"], "helpfulness": rows["helpfulness"], "top": rows["rating"] == 5}
    return rows[["user_id", "item_id", "time_bucket"]], [], scenes, labels, ["rating", "helpfulness"]


def movielens(files: list[str], engine: str):
    by_end = {Path(path).name.removesuffix(".xz").rsplit(".", 1)[1]: read(path, engine) for path in files}
    ratings, users, movies = (by_end[end].rename(columns=lambda c: c.split(":")[0]) for end in ("inter", "user", "item"))
    movies["genre"] = movies["genre"].str.split(" ").str[0]
    rows = ratings.merge(users, on="user_id", how="left").merge(movies, on="item_id", how="left")
    scenes = rows["age"].map(MOVIELENS_SCENES)
    labels = {"like": rows["rating"] > 3, "rating": rows["rating"]}
    fields = ["user_id", "item_id", "gender", "occupation", "zip_code", "genre", "age"]
    return rows[fields], ["age"], scenes, labels, ["rating"]


def generated(files: list[str], engine: str):
    rows = read(files[0], engine, ",")
    scenes = pd.Index(GENERATED_SCENES).get_indexer(rows["page"])
    time = pd.to_datetime(rows["time"], unit="s")
    fields = rows[["user", "item", "brand"]].assign(
        price=np.log1p(rows["price"]), time_hour=time.dt.hour, time_weekday=time.dt.day_of_week
    )
    return fields, ["price"], scenes, {"click": rows["click"], "spend": rows["spend"]}, ["spend"]


def by_contents(fields, scenes, labels) -> tuple[pd.Series, np.ndarray]:
    """What each row is known by, and its part."""
    contents = fields.assign(scene=scenes, **{f"label/{name}": label for name, label in labels.items()})
    known_by = pd.util.hash_pandas_object(contents, index=False)
    drawn = (known_by.to_numpy() >> np.uint64(11)) * 2.0**-53
    part = np.searchsorted(np.cumsum(SHARES)[:-1], drawn, side="right")
    repeats = known_by.duplicated(keep=False)
    met = known_by[repeats].groupby(known_by[repeats]).cumcount().astype("uint64")
    known_by[repeats] += met * np.uint64(0x9E3779B97F4A7C15)
    return known_by, part


def refuse_leaks(fields, labels, train) -> None:
    """No field may be a label under another name."""
    for field, column in fields.items():
        column = column[train]
        if column.nunique() > MOST_VALUES:
            continue
        for task, label in labels.items():
            pairs = pd.DataFrame({"field": column, "label": label[train]}).drop_duplicates()
            if not pairs["field"].duplicated().any() and not pairs["label"].duplicated().any():
                raise SystemExit(f"field {field} tells the label of task {task}")


def describe(encoded: pd.DataFrame, numeric: list[str]) -> dict:
    labels = [name for name in encoded if name.startswith("label/")]
    rates = encoded.groupby("scene")[labels].agg(["count", "mean"])
    return {"rates": rates, "histograms": {name: np.histogram(encoded[name], bins=10) for name in numeric}}


def known(column, least: int) -> pd.Index:
    if least == 1:
        return pd.Index(column.unique())
    counts = column.value_counts()
    return counts.index[counts >= least]


def encode(fields, numeric, scenes, labels, regressions, same: bool, seed=1) -> pd.DataFrame:
    if same:
        known_by, part = by_contents(fields, scenes, labels)
        refuse_leaks(fields, labels, part == 0)
    else:
        part = np.random.default_rng(seed).choice(len(SHARES), size=len(fields), p=SHARES)
    train = part == 0

    def standardised(column):
        of_train = column[train]
        return ((column - of_train.mean()) / of_train.std(ddof=0)).astype(np.float32)

    encoded = {"row": known_by.to_numpy()} if same else {}
    encoded |= {"part": part.astype(np.uint8), "scene": np.asarray(scenes, np.uint32)}
    for name, column in fields.items():
        if name in numeric:
            encoded[name] = standardised(column).fillna(0).to_numpy()
            if column[train].isna().any():
                encoded[f"{name}_missing"] = column.isna().to_numpy(np.float32)
        else:  # 0 for values that no train row has, or too few
            encoded[name] = (known(column[train], LEAST_COUNTS.get(name, 1)).get_indexer(column) + 1).astype(np.uint32)
    for name, label in labels.items():
        encoded[f"label/{name}"] = (standardised(label) if name in regressions else label).to_numpy(np.float32)
    frame = pd.DataFrame(encoded)
    if same:
        describe(frame, numeric)
    return frame


def main() -> None:
    case, what, engine, out, *files = sys.argv[1:]
    same = {"same": True, "least": False}[what]
    began = time.perf_counter()
    rows = encode(*{"epinions": epinions, "movielens": movielens, "generated": generated}[case](files, engine), same)
    rows.to_parquet(out)
    seconds = time.perf_counter() - began
    peak = peak_bytes(os.getpid())
    print(json.dumps({"seconds": seconds, "rows": len(rows), "peak_bytes": peak, "pandas": pd.__version__}))


if __name__ == "__main__":
    main()
