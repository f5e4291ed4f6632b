"""Prepares a data set in pandas as a card that ships does in mmtl: read, join, scenes, labels, split, vocabularies and means
of train rows, one file of encoded rows.

    python benches/peers/prepare_pandas.py epinions|movielens ENGINE OUT.parquet FILES...

ENGINE is pandas' reader: `c` or `pyarrow`. Prints one JSON object.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

SHARES = [0.8, 0.1, 0.1]  # train, valid, test
EPINIONS_SCENES = [*range(1, 20), 21, 22]
MOVIELENS_SCENES = {1: 0, 18: 0, 25: 1, 35: 2, 45: 2, 50: 2, 56: 2}


def read(path: str, engine: str) -> pd.DataFrame:
    # The C reader guesses types piece by piece, and warns, unless it may look at all of a column at once.
    options = {"low_memory": False} if engine == "c" else {}
    return pd.read_csv(path, sep="\t", engine=engine, **options)


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


def encode(fields, numeric, scenes, labels, regressions, seed=1) -> pd.DataFrame:
    part = np.random.default_rng(seed).choice(len(SHARES), size=len(fields), p=SHARES)
    train = part == 0

    def standardised(column):
        known = column[train]
        return ((column - known.mean()) / known.std(ddof=0)).astype(np.float32)

    encoded = {"part": part.astype(np.uint8), "scene": np.asarray(scenes, np.uint32)}
    for name, column in fields.items():
        if name in numeric:
            encoded[name] = standardised(column).to_numpy()
        else:  # 0 for values that no train row has
            encoded[name] = (pd.Index(column[train].unique()).get_indexer(column) + 1).astype(np.uint32)
    for name, label in labels.items():
        encoded[f"label/{name}"] = (standardised(label) if name in regressions else label).to_numpy(np.float32)
    return pd.DataFrame(encoded)


def main() -> None:
    case, engine, out, *files = sys.argv[1:]
    began = time.perf_counter()
    rows = encode(*{"epinions": epinions, "movielens": movielens}[case](files, engine))
    rows.to_parquet(out)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "rows": len(rows), "peak_bytes": peak, "pandas": pd.__version__}))


if __name__ == "__main__":
    main()
