"""Programs run by hand, from the top of the tree: python -m tests.benchmarks.serve_soak."""
