"""Judges databases beyond what one field says."""

from auditor.evaluate.checks.fields import flag, optional_text, text
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, passed


def multi_az(subject: Subject) -> Verdict:
    """Judge one DB instance: it, or the cluster it belongs to, spans several availability zones.

    Evidence: ``rds:DescribeDBInstances`` (population), ``rds:DescribeDBClusters``.
    """
    name = optional_text(subject.item, "DBClusterIdentifier")
    if not name:
        spans = flag(subject.item, "MultiAZ")
        return (passed if spans else failed)(
            f"MultiAZ of the instance is {'true' if spans else 'false'}.", pointer="/MultiAZ"
        )
    clusters = subject.evidence.items("rds:DescribeDBClusters", "DBClusters[]", region=subject.region)
    cluster = next((item for item in clusters if text(item, "DBClusterIdentifier") == name), None)
    if cluster is None:
        raise KeyError("the cluster of the instance")
    subject.evidence.point(cluster, suffix="/MultiAZ")
    spans = flag(cluster, "MultiAZ")
    return (passed if spans else failed)(f"MultiAZ of the instance's cluster is {'true' if spans else 'false'}.")
