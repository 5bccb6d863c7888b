"""The demo account with texts in it that attack whoever prints them. AWS's own limits are ignored on purpose.

Every place into which anybody with some permission can write: names, tags, descriptions, patterns, user agents. Nothing
of it may act in a page, a spreadsheet, a terminal or a file name; the canaries must not come out at all.
"""

from typing import Final

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.worlds import alarms, parts
from auditor.simulator.worlds.builder import Builder
from auditor.simulator.worlds.demo import LOG_GROUP, SETTLED, construct

TEXTS: Final = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(2)" x=\'',
    "image": "<img src=x onerror=alert(3)>",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "formula": "=cmd|'/C calc'!A0",
    "plus-formula": "+1+cmd|'/C calc'!A0",
    "at-formula": "@SUM(1+1)*cmd|'/C calc'!A0",
    "minus-formula": "-2+3+cmd|'/C calc'!A0",
    "tab-formula": "\t=1+1",
    "path": "../../../../etc/passwd",
    "windows-path": "..\\..\\windows\\win.ini",
    "right-to-left": "\u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd",
    "zero-width": "admin\u200b\u2060istrator\ufeff",
    "combining": "Z\u0351\u036f\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324" * 8,
    "astral": "\U0001f4a9 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U00020bb7",
    "terminal": "\u009b31mred \u009b0m",
    "long": "A" * 10_000,
    "long-words": "wide words " * 900,
    "xml-entity": "&lt;&amp;&#x41;&nbsp;]]>",
    "comment": "--><!-- <![CDATA[",
    "url": "javascript:alert(4)",
    "quote": "'; DROP TABLE controls; --",
    "newline": "first line\nsecond line\r\nthird",
}
"""Kind of attack -> text."""

CANARIES: Final = {
    "environment": "canary-lambda-environment-5e1f0c",
    "contact": "canary-contact-person-77d2ab",
    "telephone": "+49 30 canary-0042",
    "user-data": "canary-user-data-c0ffee",
}
"""Secrets and personal data: what must not appear in any output."""


def build() -> Application:
    """Build the hostile world."""
    aws = construct("hostile")
    with clock.at(SETTLED):
        _alarms(aws)
        _tags(aws)
        _descriptions(aws)
        _identities(aws)
        _canaries(aws)
    return aws.application


def _alarms(aws: Builder) -> None:
    cloudwatch, logs = aws.client("cloudwatch"), aws.client("logs")
    for kind, text in TEXTS.items():
        name = f"hostile-{kind}"
        logs.put_metric_filter(
            logGroupName=LOG_GROUP,
            filterName=name,
            filterPattern='{ $.eventName = "' + text[:200].replace("\\", "").replace('"', "") + '" }',
            metricTransformations=[{"metricName": name, "metricNamespace": alarms.NAMESPACE, "metricValue": "1"}],
        )
        cloudwatch.put_metric_alarm(
            AlarmName=f"{kind} {text[:200]}",
            AlarmDescription=text,
            AlarmActions=[aws.arn("sns", "security-alerts")],
            MetricName=name,
            Namespace=alarms.NAMESPACE,
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )


def _tags(aws: Builder) -> None:
    ec2 = aws.client("ec2", "eu-west-1")
    for number, (kind, text) in enumerate(TEXTS.items()):
        vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": text}, {"Key": kind, "Value": text}])
        parts.bucket(aws, f"northwind-hostile-{number}", tags={"note": text[:256]})


def _descriptions(aws: Builder) -> None:
    kms, rules = aws.client("kms"), aws.client("events")
    for kind, text in TEXTS.items():
        kms.create_key(Description=text)
        rules.put_rule(Name=f"hostile-{kind}", Description=text, State="DISABLED", EventPattern='{"source": ["none"]}')


def _identities(aws: Builder) -> None:
    iam = aws.client("iam")
    for kind, text in TEXTS.items():
        name = text[:64] if kind in {"formula", "at-formula", "minus-formula", "plus-formula"} else f"hostile-{kind}"
        iam.create_user(UserName=name, Tags=[{"Key": "note", "Value": text[:256]}])
        iam.create_login_profile(UserName=name, Password="Not-a-real-password-1")  # noqa: S106 - as it says


def _canaries(aws: Builder) -> None:
    parts.function(aws, "canary", "sg-remediator-role", "Has a secret", variables={"PASSWORD": CANARIES["environment"]})
    aws.client("ec2").run_instances(
        ImageId="ami-0c1ac8a41498c1a9c",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        UserData=f"#!/bin/sh\nexport TOKEN={CANARIES['user-data']}\n",
    )
    contact = {
        "FullName": CANARIES["contact"],
        "AddressLine1": CANARIES["contact"],
        "City": CANARIES["contact"],
        "PostalCode": "10115",
        "CountryCode": "DE",
        "PhoneNumber": CANARIES["telephone"],
    }
    aws.application.declare("account:GetContactInformation", {"ContactInformation": contact})
    aws.client("account", "us-east-1").put_alternate_contact(
        AlternateContactType="SECURITY",
        EmailAddress=f"{CANARIES['contact']}@northwind-ledger.example",
        Name=CANARIES["contact"],
        PhoneNumber=CANARIES["telephone"],
        Title="Security",
    )
