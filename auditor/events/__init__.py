"""All events of a period, kept as tables and asked: each row with the log file it comes from and whether that verified.

Log files come in as bytes (``store``), are split into records (``split``, ``repair``), and lie in Parquet beside a
list of the files they came from. Questions (``questions/*.yaml``) are SQL over one table of events, with the same
columns in DuckDB and in Athena. Every record is a row, or is counted and named: nothing is lost in silence.
"""
