SELECT
    CAST(TRY(from_iso8601_timestamp(e.eventtime)) AT TIME ZONE 'UTC' AS timestamp(3) with time zone) AS event_time,
    e.eventid AS event_id,
    e.eventname AS event_name,
    regexp_replace(e.eventname, '{version}', '') AS call,
    e.eventsource AS event_source,
    e.eventversion AS event_version,
    e.eventtype AS event_type,
    COALESCE({?eventcategory}, CASE
        WHEN e.eventtype = 'AwsCloudTrailInsight' THEN 'Insight'
        WHEN e.eventtype LIKE 'AwsVpceEvent%' THEN 'NetworkActivity'
        WHEN lower({?managementevent}) = 'true' THEN 'Management'
        WHEN lower({?managementevent}) = 'false' THEN 'Data' END) AS category,
    COALESCE(e.recipientaccountid, regexp_extract(e."$path", '/AWSLogs/(?:o-[a-z0-9]+/)?([0-9]{12})/', 1)) AS account,
    e.awsregion AS region,
    COALESCE(NULLIF(e.useridentity.arn, ''), NULLIF(e.useridentity.username, ''), NULLIF({?useridentity.onbehalfof.userid}, ''),
        NULLIF(e.useridentity.invokedby, ''), NULLIF(e.useridentity.principalid, ''), NULLIF(e.useridentity.accountid, ''),
        NULLIF(e.useridentity.type, ''), 'unknown') AS actor,
    e.useridentity.type AS actor_type,
    e.useridentity.arn AS identity_arn,
    e.useridentity.principalid AS principal_id,
    e.useridentity.accountid AS caller_account,
    NULLIF(e.useridentity.accesskeyid, '') AS access_key,
    e.useridentity.username AS user_name,
    e.useridentity.invokedby AS invoked_by,
    {?useridentity.onbehalfof.userid} AS on_behalf_of,
    {?useridentity.inscopeof.sourcearn} AS in_scope_of,
    {?useridentity.inscopeof.credentialsissuedto} AS issued_to,
    {?useridentity.sessioncontext.sourceidentity} AS source_identity,
    {?useridentity.sessioncontext.assumedroot} AS assumed_root,
    (COALESCE(e.useridentity.type = 'Root', false) OR COALESCE({?useridentity.sessioncontext.assumedroot} = 'true', false)) AS by_root,
    e.useridentity.sessioncontext.sessionissuer.arn AS role_arn,
    e.useridentity.sessioncontext.sessionissuer.username AS role_name,
    CASE WHEN strpos(e.useridentity.principalid, ':') > 0 THEN split_part(e.useridentity.principalid, ':', 2) END AS session_name,
    e.useridentity.sessioncontext.attributes.creationdate AS session_created,
    e.useridentity.sessioncontext.attributes.mfaauthenticated AS session_mfa,
    TRY(from_iso8601_timestamp(e.useridentity.sessioncontext.attributes.creationdate)) AS session_start,
    e.sourceipaddress AS source_ip,
    e.useragent AS user_agent,
    CASE lower(e.readonly) WHEN 'true' THEN true WHEN 'false' THEN false END AS read_only,
    CASE lower({?managementevent}) WHEN 'true' THEN true WHEN 'false' THEN false END AS management,
    e.errorcode AS error_code,
    e.errormessage AS error_message,
    CASE
        WHEN regexp_like(e.errorcode, '(?i)AccessDenied|Unauthorized|AuthorizationError|NotAuthorized') THEN 'refused'
        WHEN e.errorcode IS NOT NULL THEN 'failed'
        WHEN e.eventname = 'ConsoleLogin' AND json_extract_scalar(e.responseelements, '$.ConsoleLogin') = 'Failure' THEN 'failed'
        WHEN e.eventtype = 'AwsConsoleSignIn' AND e.errormessage IS NOT NULL THEN 'failed'
        ELSE 'success' END AS outcome,
    COALESCE(e.errorcode, CASE
        WHEN e.eventname = 'ConsoleLogin' AND json_extract_scalar(e.responseelements, '$.ConsoleLogin') = 'Failure'
            THEN COALESCE(e.errormessage, 'Failure')
        WHEN e.eventtype = 'AwsConsoleSignIn' THEN e.errormessage END) AS error,
    {resource},
    array_join(transform(e.resources, r -> r.arn), chr(10)) AS resource_arns,
    NULLIF(e.requestparameters, 'null') AS request,
    NULLIF(e.responseelements, 'null') AS response,
    NULLIF(e.additionaleventdata, 'null') AS additional,
    NULLIF(e.serviceeventdetails, 'null') AS service_details,
    {?insightdetails} AS insight,
    {?addendum_json} AS addendum,
    CAST(NULL AS varchar) AS tls,
    e.requestid AS request_id,
    e.sharedeventid AS shared_event_id,
    e.vpcendpointid AS vpc_endpoint_id,
    {?vpcendpointaccountid} AS vpc_endpoint_account,
    regexp_replace(e."$path", '^s3://[^/]+/', '') AS log_file,
    regexp_extract(e."$path", '^s3://([^/]+)/', 1) AS bucket,
    CAST(NULL AS integer) AS position,
    CAST(NULL AS boolean) AS verified,
    CAST(NULL AS varchar) AS log_state
FROM {table} e
WHERE {partitions}
