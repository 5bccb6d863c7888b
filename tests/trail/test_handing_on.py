"""Every log file is handed on with what the digests say of it: proved, altered, missing, damaged, unvouched."""

from auditor.activity.logbytes import LogBytes
from auditor.simulator.delivery import gzipped

from .bucket import NOW, Held, filled, verify


def test_each_log_file_is_handed_on_once_with_its_state() -> None:
    bucket = filled()
    altered, missing, damaged, proved, *_ = (key for key in bucket.log_keys() if "20261005T0" in key)
    bucket.edit(altered, lambda data: data + b" ")
    bucket.delete(missing)
    bucket.change(damaged, b"this is no gzip member at all")
    planted = proved.replace(proved[-25:-8], "_PlantedPlanted12")
    bucket.set(bucket.place(proved)[0], planted, Held(gzipped(b'{"Records":[]}'), {}, NOW))
    seen: list[LogBytes] = []
    report = verify(bucket, on_log=seen.append)
    found = {log.key: (log.state, log.problem, log.data is not None) for log in seen}
    assert len(found) == len(seen) == report.logs.expected + report.logs.unvouched
    assert found[altered] == ("altered", "log_altered", True)
    assert found[missing] == ("missing", "log_missing", False)
    assert found[damaged] == ("altered", "log_damaged", False)
    assert found[proved] == ("valid", "", True)
    assert found[planted] == ("unvouched", "", True)


def test_handing_on_changes_no_verdict() -> None:
    bucket = filled()
    assert verify(bucket, on_log=lambda _: None).document() == verify(bucket).document()
