"""What people do in the demo account between two looks at it: one thing is mended, one gets worse, one is new."""

import json
from typing import Any, Final

import boto3

from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator

_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::ledger-exports/*"}],
}


def pass_time(aws: Simulator) -> None:
    """Make the changes in a running demo account; making them twice is making them once."""
    rds, iam = _client(aws, "rds"), _client(aws, "iam")
    rds.modify_db_instance(DBInstanceIdentifier="reporting-replica", PubliclyAccessible=False, ApplyImmediately=True)
    iam.put_user_policy(UserName="erin.svensson", PolicyName="month-end", PolicyDocument=json.dumps(_POLICY))
    iam.update_account_password_policy(
        MinimumPasswordLength=6, RequireSymbols=True, RequireNumbers=True, PasswordReusePrevention=5
    )


def _client(aws: Simulator, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=aws.endpoint,
        region_name=str(aws.about["region"]),
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
