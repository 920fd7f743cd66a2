"""Benchmarks: each row measures us and something bare side by side, in one run, on this machine. `make bench`."""
