#!/usr/bin/env python3
"""Times the search for nearest centroids and k-means beside packages from PyPI, on one thread, in one run.

    swift build -c release --package-path Benchmarks --product Search-timings
    python3 Scripts/compare_search.py [WEIGHTS.safetensors TENSOR]

Prints vectors a second (of the processor's time) in 8 dimensions for 256, 4,096 and 65,536 centroids: through all
centroids, by the tree that the quantizer uses from 4,096 or 8,192 on, with the answer of the last iteration as a hint, and with torch's
`cdist` and `argmin`; then the seconds of three iterations of k-means with scikit-learn's `KMeans` and faiss's `Kmeans`. Vectors
are Gaussian, or consecutive weights of the named two-dimensional float16 tensor, each input column over its standard
deviation. Needs numpy, and torch, scikit-learn and faiss-cpu for the columns of those.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy

PROGRAM = pathlib.Path(os.environ.get(
    "SEARCH_TIMINGS", pathlib.Path(__file__).parent.parent / "Benchmarks/.build/release/Search-timings"))
DIMENSION, ITERATIONS = 8, 3


def weights(path, name, count):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))[name]
        assert entry["dtype"] == "F16", entry["dtype"]
        begin, end = entry["data_offsets"]
        file.seek(8 + size + begin)
        matrix = numpy.frombuffer(file.read(end - begin), numpy.float16).astype(numpy.float32).reshape(entry["shape"])
    matrix = matrix / matrix.std(axis=0)
    rows = matrix.shape[0] // DIMENSION * DIMENSION
    vectors = numpy.ascontiguousarray(matrix[:rows].T).reshape(-1, DIMENSION)
    return vectors[numpy.random.default_rng(1).permutation(len(vectors))[:count]].copy()


def seconds(body):
    start = time.process_time()
    result = body()
    return time.process_time() - start, result


def ours(vectors, centroids, folder):
    paths = [f"{folder}/{name}" for name in ["vectors", "centroids", "codes"]]
    vectors.tofile(paths[0])
    centroids.tofile(paths[1])
    command = [PROGRAM, str(DIMENSION), paths[0], paths[1], str(ITERATIONS), paths[2]]
    figures = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert figures["exact"]
    return figures, numpy.fromfile(paths[2], numpy.int32)


def with_torch(vectors, centroids, codes):
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    count = min(len(vectors), max(1024, (1 << 28) // len(centroids)))
    x, c = torch.from_numpy(vectors[:count]), torch.from_numpy(centroids)
    parts = x.split(max(1, (1 << 24) // len(centroids)))
    time_taken, found = seconds(lambda: torch.cat([torch.cdist(part, c).argmin(1) for part in parts]))
    # Where they differ, two centroids are equally near but for rounding.
    assert (found.numpy() == codes[:count]).mean() > 0.999
    return count / time_taken


def with_sklearn(vectors, centroids):
    try:
        import sklearn.cluster
    except ImportError:
        return None
    means = sklearn.cluster.KMeans(
        len(centroids), init=centroids, n_init=1, max_iter=ITERATIONS, tol=0, algorithm="lloyd")
    import warnings
    warnings.simplefilter("ignore")
    return seconds(lambda: means.fit(vectors))[0]


def with_faiss(vectors, centroids):
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    means = faiss.Kmeans(
        DIMENSION, len(centroids), niter=ITERATIONS, max_points_per_centroid=1 << 30, min_points_per_centroid=1)
    return seconds(lambda: means.train(vectors, init_centroids=centroids))[0]


def ratio(theirs, mine):
    return "-" if theirs is None else f"{theirs / mine:.1f}x"


def main():
    print("| centroids | all, vectors/s | tree | tree, hinted | nearest 8 | against cdist + argmin | k-means against "
          "scikit-learn | against faiss |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for count, number in [(256, 400_000), (4096, 200_000), (65536, 150_000)]:
        if len(sys.argv) == 3:
            vectors = weights(sys.argv[1], sys.argv[2], number)
        else:
            vectors = numpy.random.default_rng(0).standard_normal((number, DIMENSION), dtype=numpy.float32)
        if len(vectors) < 1.5 * count:
            continue
        centroids = vectors[numpy.random.default_rng(2).permutation(len(vectors))[:count]].copy()
        with tempfile.TemporaryDirectory() as folder:
            mine, codes = ours(vectors, centroids, folder)
        # The quantizer takes the one that is faster here (`ck_tree_centroids`).
        best = max(mine["tree"], mine["brute"])
        torch_rate = with_torch(vectors, centroids, codes)
        cells = [
            f"{mine['brute']:,.0f}", f"{mine['tree'] / mine['brute']:.1f}x", f"{mine['hinted'] / mine['brute']:.1f}x",
            f"{mine['eight']:,.0f}/s", "-" if torch_rate is None else f"{best / torch_rate:.1f}x",
            ratio(with_sklearn(vectors, centroids), mine["means_seconds"]),
            ratio(with_faiss(vectors, centroids), mine["means_seconds"]),
        ]
        print(f"| {count:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
