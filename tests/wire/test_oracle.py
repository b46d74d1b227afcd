#!/usr/bin/env python3
"""Generated searches, compared with a plain scan of the project's own data set (tests/oracle): --seed, --count."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import compare

compare.main()
