data "aws_partition" "here" {}
data "aws_region" "here" {}
data "aws_caller_identity" "here" {}

locals {
  partition = data.aws_partition.here.partition
  region    = data.aws_region.here.region
  account   = data.aws_caller_identity.here.account_id
  place     = "s3://${aws_s3_bucket.packs.id}/${var.prefix}"
  families  = "arn:${local.partition}:ecs:${local.region}:${local.account}:task-definition"
  tasks = {
    audit = {
      cpu = "2048", memory = "8192", day = 2, role = aws_iam_role.audit.arn
      command = [
        "run", "--quiet", "--if-missing", "--out", "/work/reports", "--upload", local.place, "--object-lock-days", tostring(var.retention_days),
        "--mode", var.retention_mode, "--notify", "sns:${aws_sns_topic.told.arn}",
      ]
    }
    watch = {
      cpu     = "512", memory = "2048", day = 5, role = aws_iam_role.watch.arn
      command = ["history", local.place, "--no-html", "--quiet", "--require", "last-month", "--account", local.account]
    }
  }
}

resource "aws_s3_bucket" "packs" {
  bucket_prefix       = "${var.name}-packs-"
  object_lock_enabled = true
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "packs" {
  bucket = aws_s3_bucket.packs.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "packs" {
  bucket = aws_s3_bucket_versioning.packs.bucket
  rule {
    default_retention {
      mode = var.retention_mode
      days = var.retention_days
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "packs" {
  bucket = aws_s3_bucket.packs.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "packs" {
  bucket                  = aws_s3_bucket.packs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "packs" {
  bucket = aws_s3_bucket.packs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyEncryptedConnections", Effect = "Deny", Principal = "*", Action = "s3:*"
        Resource  = [aws_s3_bucket.packs.arn, "${aws_s3_bucket.packs.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "NeverOverAnotherObject", Effect = "Deny", Principal = "*", Action = "s3:PutObject"
        Resource  = "${aws_s3_bucket.packs.arn}/*"
        Condition = { Null = { "s3:if-none-match" = "true" } }
      },
    ]
  })
}

resource "aws_sns_topic" "told" {
  name_prefix = "${var.name}-"
}

resource "aws_sns_topic_policy" "told" {
  arn = aws_sns_topic.told.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WatchersPublish", Effect = "Allow", Action = "sns:Publish", Resource = aws_sns_topic.told.arn
      Principal = { Service = ["events.amazonaws.com", "cloudwatch.amazonaws.com"] }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_cloudwatch_log_group" "log" {
  name_prefix       = "${var.name}-"
  retention_in_days = 400
}

resource "aws_ecs_cluster" "here" {
  name = var.name
}

locals {
  trust = { for name, service in { tasks = "ecs-tasks.amazonaws.com", schedule = "scheduler.amazonaws.com" } : name => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow", Action = "sts:AssumeRole", Principal = { Service = service }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  }) }
}

resource "aws_iam_role" "execution" {
  name_prefix        = "${var.name}-execution-"
  assume_role_policy = local.trust.tasks
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role" "audit" {
  name_prefix        = "${var.name}-audit-"
  assume_role_policy = local.trust.tasks
}

resource "aws_iam_policy" "reader" {
  for_each    = length(var.reader_policy_arns) == 0 ? fileset(path.module, "reader-*.json") : toset([])
  name_prefix = "${var.name}-${trimsuffix(each.value, ".json")}-"
  policy      = templatefile("${path.module}/${each.value}", { partition = local.partition })
}

resource "aws_iam_role_policy_attachment" "made" {
  for_each   = aws_iam_policy.reader
  role       = aws_iam_role.audit.name
  policy_arn = each.value.arn
}

resource "aws_iam_role_policy_attachment" "reader" {
  for_each   = toset(var.reader_policy_arns)
  role       = aws_iam_role.audit.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "upload" {
  role = aws_iam_role.audit.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "UploadPacks", Effect = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectRetention", "s3:PutObject", "s3:PutObjectRetention"]
        Resource = "${aws_s3_bucket.packs.arn}/${var.prefix}/*"
      },
      { Sid = "ListPacks", Effect = "Allow", Action = ["s3:ListBucket"], Resource = aws_s3_bucket.packs.arn },
      { Sid = "Tell", Effect = "Allow", Action = ["sns:Publish"], Resource = aws_sns_topic.told.arn },
    ]
  })
}

resource "aws_iam_role" "watch" {
  name_prefix        = "${var.name}-watch-"
  assume_role_policy = local.trust.tasks
}

resource "aws_iam_role_policy" "look" {
  role = aws_iam_role.watch.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "ListPacks", Effect = "Allow", Action = ["s3:ListBucket"], Resource = aws_s3_bucket.packs.arn },
      { Sid = "ReadPacks", Effect = "Allow", Action = ["s3:GetObject"], Resource = "${aws_s3_bucket.packs.arn}/${var.prefix}/*" },
    ]
  })
}

resource "aws_ecs_task_definition" "task" {
  for_each                 = local.tasks
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = each.value.role
  ephemeral_storage {
    size_in_gib = 50
  }
  volume {
    name = "tmp"
  }
  volume {
    name = "work"
  }
  container_definitions = jsonencode([{
    name                   = "auditor"
    image                  = var.image
    command                = each.value.command
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    stopTimeout            = 120
    mountPoints = [
      { sourceVolume = "tmp", containerPath = "/tmp" },
      { sourceVolume = "work", containerPath = "/work" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.log.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "auditor"
      }
    }
  }])
}

resource "aws_iam_role" "schedule" {
  name_prefix        = "${var.name}-schedule-"
  assume_role_policy = local.trust.schedule
}

resource "aws_iam_role_policy" "start" {
  role = aws_iam_role.schedule.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Start", Effect = "Allow", Action = "ecs:RunTask"
        Resource  = [for name in keys(local.tasks) : "${local.families}/${var.name}-${name}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.here.arn } }
      },
      {
        Sid       = "PassRoles", Effect = "Allow", Action = "iam:PassRole"
        Resource  = [aws_iam_role.execution.arn, aws_iam_role.audit.arn, aws_iam_role.watch.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      { Sid = "KeepFailures", Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.not_started.arn },
    ]
  })
}

resource "aws_scheduler_schedule" "task" {
  for_each                     = local.tasks
  name                         = "${var.name}-${each.key}"
  schedule_expression          = "cron(0 6 ${each.value.day} * ? *)"
  schedule_expression_timezone = var.time_zone
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_ecs_cluster.here.arn
    role_arn = aws_iam_role.schedule.arn
    retry_policy {
      maximum_retry_attempts       = 10
      maximum_event_age_in_seconds = 21600
    }
    dead_letter_config {
      arn = aws_sqs_queue.not_started.arn
    }
    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.task[each.key].arn_without_revision
      launch_type         = "FARGATE"
      network_configuration {
        subnets          = var.subnets
        security_groups  = var.security_groups
        assign_public_ip = var.assign_public_ip
      }
    }
  }
}

resource "aws_sqs_queue" "not_started" {
  name_prefix               = "${var.name}-not-started-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudwatch_metric_alarm" "not_started" {
  alarm_name          = "${var.name}-not-started"
  alarm_description   = "A schedule could not start its task."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.not_started.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.told.arn]
}

locals {
  watched = {
    broken       = { containers = { exitCode = [{ "anything-but" = [0, 1] }] } }
    failed-start = { stopCode = ["TaskFailedToStart", "SpotInterruption", "TerminationNotice", "InfrastructureHealth"] }
  }
}

resource "aws_cloudwatch_event_rule" "watched" {
  for_each = local.watched
  name     = "${var.name}-${each.key}"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = merge({ clusterArn = [aws_ecs_cluster.here.arn], lastStatus = ["STOPPED"] }, each.value)
  })
}

resource "aws_cloudwatch_event_target" "watched" {
  for_each = local.watched
  rule     = aws_cloudwatch_event_rule.watched[each.key].name
  arn      = aws_sns_topic.told.arn
}
