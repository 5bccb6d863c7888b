touched AS {once} (
    SELECT account, region, event_id, event_time, call, actor, outcome, request, response,
        (invoked_by IS NOT NULL OR actor_type = 'AWSService' OR in_scope_of IS NOT NULL
            OR COALESCE(regexp_like(user_agent, 'exec-env/AWS_Lambda|ssm.amazonaws.com|lambda'), false)) AS by_itself,
        COALESCE(json_extract_scalar(request, '$.groupId'),
            json_extract_scalar(request, '$.ModifySecurityGroupRulesRequest.GroupId'),
            json_extract_scalar(response, '$.securityGroupRuleSet.items[0].groupId'),
            json_extract_scalar(response, '$.revokedSecurityGroupRuleSet.items[0].groupId'), resource) AS group_id,
        (COALESCE(json_extract_scalar(response, '$._return'), 'true') <> 'false'
            AND json_extract(response, '$.unknownIpPermissionSet.items[0]') IS NULL) AS whole
    FROM period_calls
    WHERE event_source = 'ec2.amazonaws.com' AND call IN ('AuthorizeSecurityGroupIngress', 'RevokeSecurityGroupIngress',
        'ModifySecurityGroupRules', 'DeleteSecurityGroup')
), permissions AS (
    SELECT t.event_id, t.account, u.p
    FROM touched t CROSS JOIN UNNEST(TRY_CAST(json_extract(t.request, '$.ipPermissions.items') AS {json_array})) AS u(p)
    WHERE t.whole
), modified AS (
    SELECT event_id, account, json_extract(request, '$.ModifySecurityGroupRulesRequest.SecurityGroupRule') AS m
    FROM touched
    WHERE json_extract_scalar(request, '$.ModifySecurityGroupRulesRequest.SecurityGroupRule.SecurityGroupRuleId') IS NOT NULL
    UNION ALL
    SELECT t.event_id, t.account, u.m
    FROM touched t CROSS JOIN UNNEST(TRY_CAST(json_extract(t.request,
        '$.ModifySecurityGroupRulesRequest.SecurityGroupRule') AS {json_array})) AS u(m)
), told AS (
    SELECT t.event_id, t.account, u.r
    FROM touched t CROSS JOIN UNNEST(TRY_CAST(json_extract(t.response, '$.securityGroupRuleSet.items') AS {json_array})) AS u(r)
    UNION ALL
    SELECT t.event_id, t.account, u.r
    FROM touched t CROSS JOIN UNNEST(TRY_CAST(json_extract(t.response, '$.revokedSecurityGroupRuleSet.items') AS {json_array})) AS u(r)
), spelled AS (
    SELECT p.event_id, p.account, '' AS rule_id, json_extract_scalar(u.r, '$.cidrIp') AS range,
        json_extract_scalar(p.p, '$.ipProtocol') AS protocol, json_extract_scalar(p.p, '$.fromPort') AS from_port,
        json_extract_scalar(p.p, '$.toPort') AS to_port
    FROM permissions p CROSS JOIN UNNEST(TRY_CAST(json_extract(p.p, '$.ipRanges.items') AS {json_array})) AS u(r)
    UNION ALL
    SELECT p.event_id, p.account, '', json_extract_scalar(u.r, '$.cidrIpv6'), json_extract_scalar(p.p, '$.ipProtocol'),
        json_extract_scalar(p.p, '$.fromPort'), json_extract_scalar(p.p, '$.toPort')
    FROM permissions p CROSS JOIN UNNEST(TRY_CAST(json_extract(p.p, '$.ipv6Ranges.items') AS {json_array})) AS u(r)
    UNION ALL
    SELECT event_id, account, '', json_extract_scalar(request, '$.cidrIp'), json_extract_scalar(request, '$.ipProtocol'),
        json_extract_scalar(request, '$.fromPort'), json_extract_scalar(request, '$.toPort')
    FROM touched WHERE whole
    UNION ALL
    SELECT event_id, account, json_extract_scalar(m, '$.SecurityGroupRuleId'),
        COALESCE(json_extract_scalar(m, '$.SecurityGroupRule.CidrIpv4'), json_extract_scalar(m, '$.SecurityGroupRule.CidrIpv6'),
            json_extract_scalar(m, '$.SecurityGroupRule.PrefixListId')),
        json_extract_scalar(m, '$.SecurityGroupRule.IpProtocol'), json_extract_scalar(m, '$.SecurityGroupRule.FromPort'),
        json_extract_scalar(m, '$.SecurityGroupRule.ToPort')
    FROM modified
    UNION ALL
    SELECT event_id, account, COALESCE(json_extract_scalar(r, '$.securityGroupRuleId'), ''),
        COALESCE(json_extract_scalar(r, '$.cidrIpv4'), json_extract_scalar(r, '$.cidrIpv6')),
        json_extract_scalar(r, '$.ipProtocol'), json_extract_scalar(r, '$.fromPort'), json_extract_scalar(r, '$.toPort')
    FROM told WHERE COALESCE(json_extract_scalar(r, '$.isEgress'), 'false') <> 'true'
    UNION ALL
    SELECT t.event_id, t.account, json_extract_scalar(u.i, '$.securityGroupRuleId'), NULL, NULL, NULL, NULL
    FROM touched t CROSS JOIN UNNEST(TRY_CAST(json_extract(t.request, '$.securityGroupRuleIds.items') AS {json_array})) AS u(i)
    WHERE t.whole
), named AS (
    SELECT event_id, account, rule_id, range,
        CASE lower(protocol) WHEN '6' THEN 'tcp' WHEN '17' THEN 'udp' WHEN '1' THEN 'icmp' WHEN '58' THEN 'icmpv6'
            WHEN 'all' THEN '-1' ELSE lower(protocol) END AS protocol,
        TRY_CAST(from_port AS integer) AS from_port, TRY_CAST(to_port AS integer) AS to_port
    FROM spelled
), forms AS {once} (
    SELECT event_id, account, rule_id, range, protocol,
        CASE WHEN protocol = '-1' THEN NULL WHEN protocol IN ('tcp', 'udp') AND from_port = -1 AND to_port = -1 THEN 0
            ELSE from_port END AS from_port,
        CASE WHEN protocol = '-1' THEN NULL WHEN protocol IN ('tcp', 'udp') AND from_port = -1 AND to_port = -1 THEN 65535
            ELSE to_port END AS to_port
    FROM named
), answered AS {once} (
    SELECT *, COALESCE(max(rule_id) OVER (PARTITION BY event_id, account, range, protocol, from_port, to_port), '') AS told_id
    FROM forms
), openings AS {once} (
    SELECT t.account, t.region, t.group_id, t.event_time, t.event_id, t.outcome, f.range, f.protocol, f.from_port, f.to_port,
        NULLIF(max(f.rule_id), '') AS rule_id
    FROM touched t
    JOIN forms f ON f.event_id = t.event_id AND f.account = t.account
    WHERE t.call IN ('AuthorizeSecurityGroupIngress', 'ModifySecurityGroupRules') AND f.range IN ('0.0.0.0/0', '::/0')
    GROUP BY t.account, t.region, t.group_id, t.event_time, t.event_id, t.outcome, f.range, f.protocol, f.from_port, f.to_port
), links AS (
    SELECT o.event_id, o.account, o.range, o.protocol, o.from_port, o.to_port, c.event_id AS closing_event, c.event_time AS closed_at,
        c.actor AS closed_by, c.call AS closing_call, c.by_itself,
        CASE WHEN c.call = 'DeleteSecurityGroup' THEN 'group deleted' WHEN o.rule_id IN (f.rule_id, f.told_id) THEN 'rule id'
            ELSE 'form of the rule' END AS linked_by
    FROM openings o
    JOIN touched c ON c.account = o.account AND c.region = o.region AND c.event_time >= o.event_time
        AND c.event_id <> o.event_id AND c.outcome = 'success' AND c.call <> 'AuthorizeSecurityGroupIngress'
    LEFT JOIN answered f ON f.event_id = c.event_id AND f.account = c.account
    WHERE o.outcome = 'success'
        AND ((c.call = 'DeleteSecurityGroup' AND c.group_id = o.group_id)
            OR (c.call = 'RevokeSecurityGroupIngress' AND (f.rule_id = o.rule_id
                OR (c.group_id = o.group_id AND (o.rule_id IS NULL OR f.told_id IN ('', o.rule_id))
                    AND f.range = o.range AND f.protocol = o.protocol
                    AND f.from_port IS NOT DISTINCT FROM o.from_port AND f.to_port IS NOT DISTINCT FROM o.to_port)))
            OR (c.call = 'ModifySecurityGroupRules' AND f.rule_id = o.rule_id AND COALESCE(f.range, '') NOT LIKE 'pl-%'
                AND NOT COALESCE(f.range = o.range AND (f.protocol = '-1' OR (f.protocol = o.protocol
                    AND f.from_port <= o.from_port AND f.to_port >= o.to_port)), false)))
), closed AS (
    SELECT event_id, account, range, protocol, from_port, to_port,
        min(closed_at) AS closed_at,
        min_by(closed_by, ROW(closed_at, closing_event)) AS closed_by,
        min_by(closing_event, ROW(closed_at, closing_event)) AS closing_event,
        min_by(closing_call, ROW(closed_at, closing_event)) AS closing_call,
        min_by(by_itself, ROW(closed_at, closing_event)) AS by_itself,
        min_by(linked_by, ROW(closed_at, closing_event, linked_by)) AS linked_by
    FROM links
    GROUP BY event_id, account, range, protocol, from_port, to_port
), ended AS (
    SELECT o.event_id, o.account, o.event_time, o.range, o.protocol, o.from_port, o.to_port, o.rule_id,
        c.closed_at, c.closed_by, c.closing_event, c.closing_call, c.by_itself, c.linked_by
    FROM openings o
    LEFT JOIN closed c ON c.event_id = o.event_id AND c.account = o.account AND c.range = o.range
        AND c.protocol IS NOT DISTINCT FROM o.protocol AND c.from_port IS NOT DISTINCT FROM o.from_port
        AND c.to_port IS NOT DISTINCT FROM o.to_port
)
