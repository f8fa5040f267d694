"""The names of the formats of task files."""

FORMATS = ("csv", "json", "parquet", "swf", "qasm", "jobs_csv", "jobs_json")
"""`csv` and `json` are task files; `jobs_csv` and `jobs_json` are job files of QCloudSim."""
