"""Formats are told from tokens, not guessed; a file of another format says which it is."""

import gzip
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import polars as pl
import pytest
from workload_samples import PUBLISHED_HEADER, PUBLISHED_ROWS, assert_same, write_published

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.workload.formats import gzip_files
from qcbench.workload.formats.recognise import evidence
from qcbench.workload.formats.task_files import found_format, read_task_set, write_task_set

HEADER = "job_id,num_qubits,two_qubits,depth,priority,arrival_time,num_shots"
ROWS = ("1,177,18,5,2,0.5,69100", "2,249,25,18,1,1.5,33200")
LOG = (
    "; Computer: Zürich\n;   MaxNodes: 128\n"
    "1 0 5 30 4 -1 -1 8 60 -1 1 3 1 -1 1 -1 -1 -1\n"
    "2 10 5 7.5 4 -1 -1 8 60 -1 1 3 1 -1 1 -1 -1 -1\n"
)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def jobs(header: str = HEADER, rows=ROWS, end: str = "\n") -> str:
    return end.join([header, *rows]) + end


def refuse(path: Path, *words: str, format: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_task_set(path, format)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    for word in words:
        assert word in text, text
    return text


WAYS = {
    "quoted": jobs(",".join(f'"{name}"' for name in HEADER.split(","))),
    "semicolons": jobs().replace(",", ";"),
    "quoted semicolons": jobs(";".join(f'"{n}"' for n in HEADER.split(","))).replace(",", ";"),
    "tabs": jobs().replace(",", "\t"),
    "bars": jobs().replace(",", "|"),
    "capitals": jobs(HEADER.upper()),
    "title case": jobs(HEADER.title()),
    "blanks": jobs().replace(",", " , "),
    "windows": jobs(end="\r\n"),
    "old mac": jobs(end="\r"),
    "mark": "\ufeff" + jobs(),
    "blank lines": "\n\n" + jobs() + "\n\n",
    "no newline": jobs().rstrip("\n"),
    "another order": jobs("num_shots," + HEADER.removesuffix(",num_shots"), ()).strip()
    + "\n69100,1,177,18,5,2,0.5\n33200,2,249,25,18,1,1.5\n",
    "an index": jobs("," + HEADER, [f"{n},{row}" for n, row in enumerate(ROWS)]),
    "more columns": jobs(HEADER + ",note,", [f'{row},"a, b",' for row in ROWS]),
    "rows of nothing": jobs(rows=(*ROWS, ",,,,,,")),
    "points": jobs(rows=[row.replace(",177,", ",177.0,") for row in ROWS]),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_job_file_is_one_however_it_is_written(tmp_path, way):
    path = write(tmp_path / "jobs.csv", WAYS[way])
    assert found_format(path) == "jobs_csv"
    found = read_task_set(path)
    assert found.job_id == ["1", "2"]
    assert found.tasks.qubits.tolist() == [177, 249]
    assert found.tasks.shots.tolist() == [69100, 33200]
    assert found.arrival_s.tolist() == [0.5, 1.5]
    assert len(found.notes) == (way == "no newline")


@pytest.mark.parametrize("change", [str.upper, str.title, lambda text: text.replace(",", " ;")])
def test_a_published_file_is_one_however_it_is_written(tmp_path, change):
    plain = read_task_set(write_published(tmp_path / "a.csv"))
    header = change(PUBLISHED_HEADER)
    rows = PUBLISHED_ROWS
    if ";" in header:
        rows = [row.replace("{}", '"{}"') for row in rows]
        rows = [
            "".join(
                part if n % 2 else part.replace(",", ";") for n, part in enumerate(row.split('"'))
            )
            for row in rows
        ]
        rows = [row.replace("{", '"{').replace("}", '}"') for row in rows]
        rows = [row.replace('""cx""', "'cx'").replace("cx: 2", "'cx': 2") for row in rows]
    found = read_task_set(write_published(tmp_path / "b.csv", header, rows))
    assert found.tasks.depth.tolist() == plain.tasks.depth.tolist()
    assert found.tasks.compiled["ibmq27"].depth.tolist() == [6, 500, 9]
    assert found.arrival_s.tolist() == plain.arrival_s.tolist()


@pytest.mark.parametrize("name", ["jobs.CSV", "JOBS.Csv", "jobs.csv.gz", "jobs.CSV.GZ"])
def test_suffixes_may_have_capitals_and_gz(tmp_path, name):
    data = jobs().encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.lower().endswith("gz") else data)
    assert read_task_set(path).job_id == ["1", "2"]
    assert main(["workload", "show", str(path)]) == 0


def test_a_small_file_that_unfolds_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzip_files, "MOST_BYTES", 2**20)
    path = tmp_path / "log.swf.gz"
    path.write_bytes(gzip.compress(bytes(2**20)))
    assert len(gzip_files.read_content(path)) == 2**20
    path.write_bytes(gzip.compress(bytes(2**20 + 1)))
    with pytest.raises(InputError, match="unfolds to more than"):
        gzip_files.read_content(path)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", ["log.swf", "log.SWF", "log.swf.gz"])
def test_a_log_is_read_as_archives_have_it(tmp_path, encoding, end, last, name):
    text = LOG.replace("\n", end) if last else LOG.replace("\n", end).removesuffix(end)
    data = text.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = read_task_set(tmp_path / name)
    assert found.comments == ("Computer: Zürich", "MaxNodes: 128")
    assert found.arrival_s.tolist() == [0.0, 10.0]
    assert found.tasks.duration_s.tolist() == [30.0, 7.5]
    assert len(found.notes) == (not last)
    write_task_set(found, tmp_path / "again.swf")
    assert read_task_set(tmp_path / "again.swf").comments == found.comments


def test_a_comment_in_latin_1_does_not_end_at_its_next_line_character(tmp_path):
    path = tmp_path / "log.swf"
    path.write_bytes(b"; a \x85 b\n" + LOG.encode())
    assert read_task_set(path).comments[0] == "a \x85 b"


def samples(folder: Path) -> dict[str, Path]:
    """A small file of each format, under names that say nothing."""
    published = read_task_set(write_published(folder / "p.csv"))
    found = {"csv": folder / "p.csv"}
    for name in ("json", "parquet"):
        found[name] = folder / f"p.{name}"
        write_task_set(published, found[name])
    found["swf"] = write(folder / "l.swf", LOG)
    found["jobs_csv"] = write(folder / "j.csv", jobs())
    found["jobs_json"] = folder / "j.json"
    write_task_set(read_task_set(found["jobs_csv"]), found["jobs_json"], "jobs_json")
    found["qasm"] = write(folder / "q.qasm", "// a circuit\nOPENQASM 2.0;\nqreg q[1];\n")
    return found


WORDS = {
    "csv": "is a CSV task file",
    "jobs_csv": "is a CSV job file",
    "json": "is JSON",
    "jobs_json": "is JSON",
    "parquet": "is a Parquet file",
    "swf": "is an SWF file",
    "qasm": "is an OpenQASM program",
}
SUFFIX = {name: "." + name.removeprefix("jobs_") for name in WORDS}


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".swf", ".txt", ".qasm", ""])
def test_a_file_under_a_wrong_name_says_what_it_is(tmp_path, kind, suffix):
    if suffix == SUFFIX[kind]:
        return
    path = tmp_path / f"wrong{suffix}"
    shutil.copy(samples(tmp_path)[kind], path)
    if suffix == ".qasm":
        return  # whoever reads circuits says what is none
    refuse(path, WORDS[kind], f"give it the suffix {SUFFIX[kind]}")
    # What is advised works.
    right = path.rename(tmp_path / f"right{SUFFIX[kind]}")
    if kind != "qasm":
        assert len(read_task_set(right)) > 1


@pytest.mark.parametrize("kind", ["csv", "jobs_csv", "json", "jobs_json", "parquet", "swf"])
@pytest.mark.parametrize("stated", ["csv", "jobs_csv", "json", "jobs_json", "parquet", "swf"])
def test_a_format_that_is_stated_wrongly_is_named(tmp_path, kind, stated):
    path = samples(tmp_path)[kind]
    if kind == stated:
        assert len(read_task_set(path, stated)) > 1
        return
    text = refuse(path, "; its format is ", format=stated)
    advised = text.rpartition(" ")[2]
    assert advised.removeprefix("jobs_") == kind.removeprefix("jobs_")
    assert len(read_task_set(path, None)) > 1


OTHERS = {
    "z.csv": (b"PK\x03\x04....", "a ZIP archive or a spreadsheet"),
    "b.swf": (b"BZh91AY", "compressed with bzip2"),
    "x.json": (b"\xfd7zXZ\x00", "compressed with xz"),
    "q.json": (b"QISKIT\x0d", "a QPY file"),
    "u.csv": (jobs().encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
    "n.parquet": (b"\x93NUMPY", "a NumPy array"),
    "l.json": (b'{"a": 1}\n{"a": 2}\n', "is JSON Lines"),
    "t.csv": (b"arrival_s,priority,qubits\n1,1,4\n", "is a trace of arrivals"),
    "h.json": (b'{"C": 1, "S": 1.0, "Q": 1, "jobs": []}', "is a list of hybrid jobs"),
    "0.csv": (b"a\x00b,c\n", "line 1: holds a NUL"),
    "p.csv": (gzip.compress(b"a,b\n"), "is compressed with gzip; give it the suffix .csv.gz"),
    "p.csv.gz": (b"a,b\n", "is not compressed with gzip"),
    "e.swf.gz": (b"", "is empty"),
    "e.csv.gz": (gzip.compress(b""), "is empty"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_other_kinds_are_named(tmp_path, name, capsys):
    data, words = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(data)
    refuse(path, words)
    assert main(["workload", "show", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_a_database_is_named(tmp_path):
    with sqlite3.connect(tmp_path / "d.csv") as base:
        base.execute("CREATE TABLE t (a)")
    refuse(tmp_path / "d.csv", "is an SQLite database")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_compressed_file_that_is_torn_is_refused(tmp_path, share):
    packed = gzip.compress(jobs(rows=[f"{n},177,18,5,2,{n},69100" for n in range(500)]).encode())
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(packed[: int(len(packed) * share)])
    refuse(path, "is a damaged gzip file, or a torn one")
    damaged = bytearray(packed)
    damaged[int(len(packed) * share) - 1] ^= 0x55
    path.write_bytes(damaged)
    refuse(path)


@pytest.mark.parametrize(
    "name", ["pipe.csv", "pipe.json", "pipe.swf", "pipe.parquet", "pipe.csv.gz"]
)
def test_a_pipe_or_a_device_is_no_file(tmp_path, name):
    os.mkfifo(tmp_path / name)
    refuse(tmp_path / name, "is no regular file")
    refuse(Path(os.devnull), "is no regular file", format="csv")


def test_a_folder_and_what_is_not_there(tmp_path):
    (tmp_path / "a.csv").mkdir()
    refuse(tmp_path / "a.csv", "is a folder", format="csv")
    refuse(tmp_path / "b.csv", "does not exist")
    refuse(tmp_path / "b.csv" / "c.csv", "does not exist")
    refuse(tmp_path / ("n" * 300 + ".csv"), "cannot be read (File name too long)")
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    refuse(loop, "cannot be read")
    with pytest.raises(InputError, match="no name of a file"):
        read_task_set(Path("a\0.csv"))


BEYOND = str(2**63)
NUMBERS = {
    "jobs.csv": (jobs(rows=["1,{},18,5,2,0.5,69100"]), "line 2, column num_qubits: "),
    "times.csv": (jobs(rows=["1,17,18,5,2,{},69100"]), "line 2, column arrival_time: "),
    "log.swf": (LOG.replace(" 8 60", " {} 60", 1), "line 3, field requested processors: "),
    "run.swf": (LOG.replace(" 30 4", " {} 4", 1), "line 3, field run time: "),
    "jobs.json": (
        '{"jobs": [{"job_id": 1, "num_qubits": {}, "two_qubits": 1, "depth": 1, "priority": 1, '
        '"num_shots": 1}]}',
        "num_qubits",
    ),
    "tasks.json": (
        '{"format": "qcbench-workload", "version": 1, "jobs": [{"algorithm": "a", "qubits": {}, '
        '"depth": 1, "shots": 1, "two_qubit_gates": 0}]}',
        "qubits",
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "number",
    [BEYOND, "-" + BEYOND, "9" * 400, "1" * 5000, "1e999", "1_000", "٣", "0x10", "inf", "nan"],
)
def test_numbers_that_no_column_holds(tmp_path, name, number, capsys):
    text, place = NUMBERS[name]
    path = write(
        tmp_path / name,
        text.replace("{}", number, 1)
        if name.endswith(("csv", "swf"))
        else text.replace(": {}", f": {number}", 1),
    )
    if name in ("times.csv", "run.swf") and number.lstrip("-") == BEYOND:
        if number == BEYOND:
            assert len(read_task_set(path)) >= 1  # seconds are no whole numbers
        return
    message = refuse(path)
    assert len(message) < len(str(path)) + 160
    no_json = name.endswith("json") and number in ("1_000", "٣", "0x10", "inf", "nan")
    if not (no_json or (name.endswith("swf") and not number.isascii())):
        assert place in message
    assert main(["workload", "show", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", [r'"\ud800"', r'"\udc00\ud800"', r'"a\\\ud83d b"', '"\ud800"'])
def test_half_a_character_is_refused_in_json(tmp_path, text):
    path = tmp_path / "a.json"
    job = '"qubits": 1, "depth": 1, "shots": 1, "two_qubit_gates": 0}'
    whole = (
        '{"format": "qcbench-workload", "version": 1,\n"jobs": [{"algorithm": '
        + text
        + f", {job}]}}"
    )
    path.write_bytes(whole.encode("utf-8", "surrogatepass"))
    refuse(path, "line 2: ")
    path.write_text(whole.replace(text, r'"\ud83d\ude00 \\ud800"'))
    assert read_task_set(path).tasks.algorithm == [r"😀 \ud800"]


def test_a_name_that_is_no_line_is_quoted_short(tmp_path):
    name = "x\n\x1b[31m" * 1000
    tasks = {"algorithm": name, "qubits": 1, "depth": 1, "shots": 1, "two_qubit_gates": 0}
    path = tmp_path / "a.json"
    for job in ({**tasks, name: 1}, {**tasks, "qubits": name}, {**tasks, "qubits": [name] * 9}):
        path.write_text(json.dumps({"format": "qcbench-workload", "version": 1, "jobs": [job]}))
        assert len(refuse(path)) < len(str(path)) + 250
    path = write(tmp_path / "b.csv", jobs(rows=[f'"{name}",1,1,1,1,1,1', f'"{name}",1,1,1,1,1,1']))
    assert len(refuse(path, "is there twice")) < len(str(path)) + 160
    path = write(tmp_path / "c.csv", jobs(rows=[f'1,"{name}",1,1,1,1,1']))
    assert len(refuse(path, "is no whole number")) < len(str(path)) + 160


def test_two_cases_of_one_column_are_refused(tmp_path):
    for more in ("Arrival_Time", "arrival_time", " ARRIVAL_TIME "):
        path = write(tmp_path / "a.csv", jobs(f"{HEADER},{more}", [f"{row},1" for row in ROWS]))
        refuse(path, "line 1: column arrival_time is there twice")
    path = write_published(tmp_path / "b.csv", PUBLISHED_HEADER.replace("arrival_time", "Subset"))
    refuse(path, "column subset is there twice")


def test_a_line_of_megabytes_is_no_line_of_a_table(tmp_path):
    for name, text in {
        "a.swf": "1 " * 600_000,
        "b.csv": jobs() + "1," * 600_000 + "\n",
        "c.csv": "x" * 1_200_000,
    }.items():
        refuse(write(tmp_path / name, text), "no line of a table is longer than 1,000,000")
    cell = jobs(rows=[f'"{"x" * 200_000}",1,1,1,1,1,1'])
    refuse(write(tmp_path / "d.csv", cell), "line 2: a cell has more than 131,072 characters")


TORN = {
    '1,"177,18,5,2,0.5,69100': "line 2: a quotation mark is not closed; it may be torn",
    '"1"x,177,18,5,2,0.5,69100': "line 2: something follows a closing quotation mark",
    "1,17\r7,18,5,2,0.5,69100": "line 2: a carriage return stands within a cell",
    '"1\n\n",177,18,5,2,0.5\n': "line 2: has 6 fields",
}


@pytest.mark.parametrize("row", TORN)
def test_what_is_wrong_with_a_row_is_said_in_our_words(tmp_path, row):
    refuse(write(tmp_path / "a.csv", jobs(rows=[row])), TORN[row])


FRAME = pl.DataFrame(
    {"algorithm": ["a"], "qubits": [3], "depth": [4], "shots": [1], "two_qubit_gates": [2]}
)
META = {"qcbench-workload": "1"}
ODD_COLUMNS = {
    "list": pl.Series([[3]]),
    "object": pl.Series([{"a": 3}]),
    "date": pl.Series(["2024-01-01"]).str.to_date(),
    "time": pl.Series(["2024-01-01T00:00:00"]).str.to_datetime(),
    "bytes": pl.Series([b"3"]),
    "decimal": pl.Series(["3.5"]).cast(pl.Decimal(10, 2)),
    "null": pl.Series([None]),
    "float": pl.Series([3.0]),
    "bool": pl.Series([True]),
    "beyond": pl.Series([2**63], dtype=pl.UInt64),
}


@pytest.mark.parametrize("kind", ODD_COLUMNS)
def test_columns_of_other_types_are_named_in_parquet(tmp_path, kind):
    path = tmp_path / "a.parquet"
    FRAME.with_columns(qubits=ODD_COLUMNS[kind]).write_parquet(path, metadata=META)
    refuse(path, "column qubits, row 1: ")


@pytest.mark.parametrize("comments", ["{", "7", '["a", 1]', r'["\ud800"]', "[" * 5000, ""])
def test_metadata_that_is_broken_is_named(tmp_path, comments):
    path = tmp_path / "a.parquet"
    FRAME.write_parquet(path, metadata=META | {"comments": comments})
    refuse(path, "comments in the metadata")


def test_parquet_that_is_damaged_is_refused_without_the_words_of_its_reader(tmp_path, capfd):
    path = tmp_path / "a.parquet"
    write_task_set(read_task_set(write_published(tmp_path / "a.csv")), path)
    data = path.read_bytes()
    refused = set()
    for place in range(4, len(data) - 4, max(1, len(data) // 150)):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read_task_set(path)
        except InputError as error:
            refused.add(str(error))
    assert f"{path}: is a damaged Parquet file, or one polars cannot read" in refused
    assert not [text for text in refused if "\n" in text or "specification" in text]
    assert capfd.readouterr().err == ""


def test_a_name_with_the_marks_of_a_pattern_is_one_file(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    for name in ("a[1].parquet", "*.parquet", "?.csv"):
        write_task_set(content, tmp_path / name)
        assert_same(content, read_task_set(tmp_path / name)) if "parquet" in name else None
        assert len(read_task_set(tmp_path / name)) == 3


def test_what_says_nothing_is_nothing():
    for content in (b"", b"hello", b"a,b\n1,2\n", b"1 2 3\n", b"\x00\x01\x02"):
        assert evidence(content) is None


@pytest.mark.parametrize(
    "text", ["/* */ " * 20_000, "// a\n" * 13_000, "/*" * 30_000, ";\n" * 30_000]
)
def test_what_a_file_is_is_told_in_no_time(text):
    begun = time.process_time()
    evidence(text.encode())
    assert time.process_time() - begun < 5
