"""eugpt beside what else a user could run, in one run and in turns: `python -m tests.benchmarks.speed --help`."""
