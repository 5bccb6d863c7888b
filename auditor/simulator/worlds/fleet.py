"""Building blocks: instances behind a load balancer, which scale and are watched, and databases."""

from collections.abc import Sequence
from typing import Any

from auditor.simulator.worlds.builder import Builder


def instance(aws: Builder, **more: Any) -> None:
    """Start one instance; ``more`` is as RunInstances has it."""
    image = "ami-0c1ac8a41498c1a9c"
    aws.client("ec2").run_instances(ImageId=image, InstanceType="t3.medium", MinCount=1, MaxCount=1, **more)


def database(aws: Builder, name: str, *, careful: bool, **more: Any) -> None:
    """Create a database: in two zones, patched and closed, or nothing of it; ``more`` is as CreateDBInstance has it."""
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m6g.large",
        Engine="postgres",
        AllocatedStorage=100,
        MasterUsername="ledger",
        MasterUserPassword="not-a-real-password",
        MultiAZ=careful,
        PubliclyAccessible=not careful,
        AutoMinorVersionUpgrade=careful,
        **more,
    )


def load_balancer(aws: Builder, name: str, subnets: Sequence[str], *, logs_to: str = "") -> None:
    """Create a load balancer, with access logs if there is a bucket for them."""
    client = aws.client("elbv2")
    made = client.create_load_balancer(Name=name, Subnets=list(subnets), Scheme="internal", Type="application")
    if logs_to:
        client.modify_load_balancer_attributes(
            LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"],
            Attributes=[
                {"Key": "access_logs.s3.enabled", "Value": "true"},
                {"Key": "access_logs.s3.bucket", "Value": logs_to},
            ],
        )


def errors_alarm(aws: Builder, balancer: str, topic: str) -> None:
    """Let somebody hear of it when the targets of a load balancer fail."""
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{balancer.split('/')[1]}-5xx",
        AlarmActions=[topic],
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": "LoadBalancer", "Value": balancer}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=3,
        Threshold=10.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


def scaling_group(aws: Builder, name: str, subnet: str) -> None:
    """Create an Auto Scaling group that is at rest."""
    client = aws.client("autoscaling")
    client.create_launch_configuration(
        LaunchConfigurationName=name, ImageId="ami-0c1ac8a41498c1a9c", InstanceType="t3.medium"
    )
    client.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=0,
        VPCZoneIdentifier=subnet,
    )


def target_tracking(aws: Builder, group: str, percent: float) -> None:
    """Let a group follow its processors' load, with the two alarms that Auto Scaling makes for that."""
    client = aws.client("autoscaling")
    client.put_scaling_policy(
        AutoScalingGroupName=group,
        PolicyName="follow-load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": percent,
        },
    )
    policy = client.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"][0]["PolicyARN"]
    for end, comparison, periods, threshold in (
        ("AlarmHigh", "GreaterThanThreshold", 3, percent),
        ("AlarmLow", "LessThanThreshold", 15, percent * 0.9),
    ):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=f"TargetTracking-{group}-{end}",
            AlarmActions=[policy],
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "AutoScalingGroupName", "Value": group}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=periods,
            Threshold=threshold,
            ComparisonOperator=comparison,
        )


def lifecycle(aws: Builder, name: str, *, archive_after: int, storage: str, expire_after: int) -> None:
    """Let a bucket's objects move to colder storage and go, after so many days."""
    aws.client("s3").put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "keep-and-go",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Transitions": [{"Days": archive_after, "StorageClass": storage}],
                    "Expiration": {"Days": expire_after},
                }
            ]
        },
    )
