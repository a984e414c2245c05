"""Benchmarks: our metrics beside what people use today, the scaling study, and a whole submission."""
