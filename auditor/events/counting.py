"""Counts a period's events by what a trail's selectors can tell apart, for the cost of recording them."""

from collections.abc import Mapping
from typing import Any, Final

from auditor.base.period import Period
from auditor.events.answer import Searched
from auditor.events.opened import EventStore
from auditor.events.select import select_here

_S3_ARN: Final = "regexp_extract(COALESCE(resource_arns, ''), '(arn:[a-z-]+:s3:::[^/\\n]+)', 1)"
_FIRST_ARN: Final = "regexp_extract(COALESCE(resource_arns, ''), '(arn:[^\\n]+)', 1)"
_BUCKET: Final = "NULLIF(json_extract_string(request, '$.bucketName'), '')"
_DATA: Final = "category = 'Data' AND event_source ="
_TEXT: Final = f"""
SELECT COALESCE(account, '') AS account, COALESCE(region, '') AS region, COALESCE(category, '') AS category,
    COALESCE(event_source, '') AS source, COALESCE(event_name, '') AS name, read_only,
    CASE WHEN {_DATA} 's3.amazonaws.com' THEN 'AWS::S3::Object'
        WHEN {_DATA} 'lambda.amazonaws.com' THEN 'AWS::Lambda::Function'
        WHEN {_DATA} 'dynamodb.amazonaws.com' THEN 'AWS::DynamoDB::Table' ELSE '' END AS type,
    CASE WHEN {_DATA} 's3.amazonaws.com'
            THEN COALESCE(NULLIF({_S3_ARN}, ''), 'arn:aws:s3:::' || {_BUCKET}) || '/'
        WHEN category = 'Data' THEN {_FIRST_ARN} ELSE '' END AS resource,
    count(*) AS number
FROM period_events GROUP BY ALL ORDER BY ALL
"""


def counted(store: EventStore, period: Period) -> tuple[tuple[Mapping[str, Any], ...], Searched]:
    """Return the distinct events of a period in groups, and what was searched for them.

    Rows carry account, region, category, source, name, read_only, type, resource (of S3 its bucket's ARN with a closing
    slash) and number.

    Raises:
        IntegrityError: the store's files were changed.
    """
    answer = select_here(store, _TEXT, period)
    return tuple(answer.rows), answer.searched
