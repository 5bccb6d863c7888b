"""Remedies on their way: a simulated account, its scripts or templates, an audit before, after, after twice, undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.model import Results
from auditor.remedy.change import Remedy
from auditor.remedy.declared import Undeclared, declared
from auditor.remedy.files import Form, files
from auditor.remedy.plans import PLANS
from auditor.remedy.proposal import Proposal
from auditor.simulator import Simulator
from tests.remedy.awscli import CommandLine, command_line
from tests.remedy.kit import audited, content, proposed
from tests.remedy.stacks import Stacks

GIVEN = {
    "SECURITY_NAME": "Security team",
    "SECURITY_TITLE": "Duty officer",
    "SECURITY_EMAIL": "security@northwind-ledger.example",
    "SECURITY_PHONE": "+49 30 0000000",
    "ALARM_EMAIL": "alarms@northwind-ledger.example",
}
"""What only a person can give."""
TRAIL = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/management-events"
WORSE = f"""
aws cloudtrail update-trail --region eu-central-1 --name {TRAIL} --no-enable-log-file-validation \\
  --kms-key-id '' --cloud-watch-logs-log-group-arn '' --cloud-watch-logs-role-arn '' --no-is-multi-region-trail
aws cloudtrail put-event-selectors --region eu-central-1 --trail-name {TRAIL} --event-selectors \\
  '[{{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true, "DataResources": []}}]'
aws s3api put-bucket-logging --region eu-central-1 --bucket northwind-trail-logs --bucket-logging-status '{{}}'
aws iam delete-account-password-policy
"""
"""Takes from the demo what no world lacks: digests, the key, the log group, access logs of the trail, a policy."""

OPENED = """
GROUP=$(aws ec2 describe-security-groups --region eu-central-1 \\
  --query "SecurityGroups[?GroupName=='ledger-bastion'].GroupId | [0]" --output text)
aws ec2 authorize-security-group-ingress --region eu-central-1 --group-id "$GROUP" --ip-permissions \\
  '[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
     "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]'
"""
"""Opens a port of the demo to everybody."""
SHORT = """
aws logs put-retention-policy --region eu-central-1 --log-group-name /aws/cloudtrail/management-events \\
  --retention-in-days 7
aws s3api put-bucket-policy --bucket northwind-trail-logs --policy '{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "s3:DeleteObject",
   "Resource": "arn:aws:s3:::northwind-trail-logs/*"}]}'
aws cloudwatch put-composite-alarm --region eu-central-1 --alarm-name security-composite \\
  --alarm-rule 'ALARM("cis-s3-bucket-policy-changes") OR ALARM("cis-cloudtrail-changes")' --no-actions-enabled
"""
"""Keeps the events of the demo's trail for a week, lets log files be deleted, and silences a composite alarm."""
PORTS = ("sg-no-open-admin-ports-ipv4", "sg-no-open-admin-ports-ipv6")
KEPT = ("trail-log-group-retention", "trail-bucket-policy-guards-logs", "composite-alarms-heard")


@dataclass(frozen=True)
class Trip:
    """What an account was before its remedies, after them, after them once more, and undone.

    Args:
        proposal: its remedies.
        closed: those that were made.
        before: its audit.
        after: its audit afterwards.
        failed: what went wrong on the way.
        changed: what a second time changed.
        undone: its audit after the undo scripts; None where nothing was undone.
        kinds: the types of resources of its templates.
    """

    proposal: Proposal
    closed: tuple[Remedy, ...]
    before: Results
    after: Results
    failed: tuple[str, ...]
    changed: tuple[str, ...]
    undone: Results | None = None
    kinds: frozenset[str] = frozenset()


def run(command: CommandLine, folder: Path, proposal: Proposal, *, undo: bool = False) -> list[str]:
    """Run the scripts of a proposal in their order; return what went wrong."""
    wrong = []
    for name, text in sorted(files(proposal, Form.CLI).items(), reverse=undo):
        if name.endswith(".undo.sh" if undo else ".sh") and name.endswith(".undo.sh") == undo:
            path = folder / name.replace("/", "-")
            path.write_text(text)
            done = command.run(path, **GIVEN)
            wrong += [f"{name}: {done.stderr}"] if done.returncode else []
    return wrong


def by_lines(proposal: Proposal) -> tuple[Remedy, ...]:
    """Return the remedies that scripts make; the others are templates."""
    return tuple(item for item in proposal.remedies if not item.declares)


def is_declared(remedy: Remedy, *, template: bool = True) -> bool:
    """Say whether a remedy has a template, or a module."""
    try:
        return bool(declared(remedy, template=template))
    except Undeclared:
        return False


def trip_by_lines(
    world: str, folder: Path, *, worse: str = "", undo: bool = True, controls: Sequence[str] = tuple(PLANS)
) -> Trip:
    """Make and undo the remedies of a world by their scripts, in a real shell."""
    with Simulator(world) as aws, command_line(aws, folder / "bin") as command:
        if worse:
            (folder / "worse.sh").write_text(f"set -e\n{worse}")
            done = command.run(folder / "worse.sh")
            assert done.stderr == ""
        evidence, before = audited(aws, folder / "before", controls)
        proposal = proposed(evidence, before)
        failed = run(command, folder, proposal)
        first, after = audited(aws, folder / "after", controls)
        changed: tuple[str, ...] = ()
        undone = None
        if undo:
            failed += run(command, folder, proposal)
            second, _ = audited(aws, folder / "again", controls)
            one, other = content(first), content(second)
            changed = tuple(sorted(name for name in one | other if one.get(name) != other.get(name)))
            failed += run(command, folder, proposal, undo=True)
            _, undone = audited(aws, folder / "undone", controls)
    return Trip(proposal, by_lines(proposal), before, after, tuple(failed), changed, undone)


def trip_by_templates(world: str, folder: Path) -> Trip:
    """Make the remedies of a world by their templates, twice."""
    with Simulator(world) as aws, command_line(aws, folder / "bin") as command:
        evidence, before = audited(aws, folder / "before")
        proposal = proposed(evidence, before)
        templates = {
            name.rsplit("/", 1)[1].removesuffix(".template.json"): text
            for name, text in files(proposal, Form.CLOUDFORMATION).items()
            if name.endswith(".template.json")
        }
        stacks = Stacks(command)
        regions = sorted(templates, key=lambda region: region != "us-east-1")  # roles first, as the page says
        for region in regions:
            stacks.deploy(region, templates[region], AlarmEmail=GIVEN["ALARM_EMAIL"])
        first, after = audited(aws, folder / "after")
        again = [
            name
            for region in regions
            for name in stacks.deploy(region, templates[region], AlarmEmail=GIVEN["ALARM_EMAIL"])
        ]
        second, _ = audited(aws, folder / "again")
    one, other = content(first), content(second)
    changed = (*again, *sorted(name for name in one | other if one.get(name) != other.get(name)))
    closed = tuple(item for item in proposal.remedies if is_declared(item))
    return Trip(proposal, closed, before, after, (), changed, None, frozenset(kind for kind, _ in stacks.made.values()))
