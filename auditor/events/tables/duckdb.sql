SELECT
    e.eventTime AS event_time,
    e.eventID AS event_id,
    e.eventName AS event_name,
    e.call,
    e.eventSource AS event_source,
    e.eventVersion AS event_version,
    e.eventType AS event_type,
    COALESCE(e.eventCategory, CASE
        WHEN e.eventType = 'AwsCloudTrailInsight' THEN 'Insight'
        WHEN e.eventType LIKE 'AwsVpceEvent%' THEN 'NetworkActivity'
        WHEN e.managementEvent THEN 'Management'
        WHEN NOT e.managementEvent THEN 'Data' END) AS category,
    COALESCE(e.recipientAccountId, f.account) AS account,
    e.awsRegion AS region,
    COALESCE(NULLIF(e.userIdentity.arn, ''), NULLIF(e.userIdentity.userName, ''), NULLIF(e.userIdentity.onBehalfOf.userId, ''),
        NULLIF(e.userIdentity.invokedBy, ''), NULLIF(e.userIdentity.principalId, ''), NULLIF(e.userIdentity.accountId, ''),
        NULLIF(e.userIdentity.type, ''), 'unknown') AS actor,
    e.userIdentity.type AS actor_type,
    e.userIdentity.arn AS identity_arn,
    e.userIdentity.principalId AS principal_id,
    e.userIdentity.accountId AS caller_account,
    NULLIF(e.userIdentity.accessKeyId, '') AS access_key,
    e.userIdentity.userName AS user_name,
    e.userIdentity.invokedBy AS invoked_by,
    e.userIdentity.onBehalfOf.userId AS on_behalf_of,
    e.userIdentity.inScopeOf.sourceArn AS in_scope_of,
    e.userIdentity.inScopeOf.credentialsIssuedTo AS issued_to,
    e.userIdentity.sessionContext.sourceIdentity AS source_identity,
    e.userIdentity.sessionContext.assumedRoot AS assumed_root,
    e.userIdentity.sessionContext.sessionIssuer.arn AS role_arn,
    e.userIdentity.sessionContext.sessionIssuer.userName AS role_name,
    CASE WHEN strpos(e.userIdentity.principalId, ':') > 0 THEN split_part(e.userIdentity.principalId, ':', 2) END AS session_name,
    e.userIdentity.sessionContext.attributes.creationDate AS session_created,
    e.userIdentity.sessionContext.attributes.mfaAuthenticated AS session_mfa,
    TRY_CAST(e.userIdentity.sessionContext.attributes.creationDate AS TIMESTAMPTZ) AS session_start,
    e.sourceIPAddress AS source_ip,
    e.userAgent AS user_agent,
    e.readOnly AS read_only,
    e.managementEvent AS management,
    e.errorCode AS error_code,
    e.errorMessage AS error_message,
    CASE
        WHEN regexp_like(e.errorCode, '(?i)AccessDenied|Unauthorized|AuthorizationError|NotAuthorized') THEN 'refused'
        WHEN e.errorCode IS NOT NULL THEN 'failed'
        WHEN e.eventName = 'ConsoleLogin' AND json_extract_scalar(e.responseElements, '$.ConsoleLogin') = 'Failure' THEN 'failed'
        WHEN e.eventType = 'AwsConsoleSignIn' AND e.errorMessage IS NOT NULL THEN 'failed'
        ELSE 'success' END AS outcome,
    COALESCE(e.errorCode, CASE
        WHEN e.eventName = 'ConsoleLogin' AND json_extract_scalar(e.responseElements, '$.ConsoleLogin') = 'Failure'
            THEN COALESCE(e.errorMessage, 'Failure')
        WHEN e.eventType = 'AwsConsoleSignIn' THEN e.errorMessage END) AS error,
    {resource},
    array_join(json_extract_string(e.resources, '$[*].ARN'), ' ') AS resource_arns,
    e.requestParameters AS request,
    e.responseElements AS response,
    e.additionalEventData AS additional,
    e.serviceEventDetails AS service_details,
    e.insightDetails AS insight,
    e.addendum,
    e.tlsDetails AS tls,
    e.requestID AS request_id,
    e.sharedEventID AS shared_event_id,
    e.vpcEndpointId AS vpc_endpoint_id,
    e.vpcEndpointAccountId AS vpc_endpoint_account,
    f.key AS log_file,
    f.bucket,
    e.position,
    f.state = 'valid' AS verified,
    f.state AS log_state
FROM stored e JOIN files f ON f.file = e.file
WHERE NOT EXISTS (SELECT 1 FROM copies c WHERE c.file = e.file AND c.position = e.position)
