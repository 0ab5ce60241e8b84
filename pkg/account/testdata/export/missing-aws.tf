# What cluster prod-1 needs in account 123456789012, region eu-central-1,
# as far as Terraform can have it. Printed by `ecr-node-bootstrap print terraform`:
# once, for what Terraform has created is not printed again. From then on it is
# Terraform's, and ecr-node-bootstrap neither changes nor destroys it.

terraform {
  required_version = ">= 1.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.33"
    }
  }
}

provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = ["123456789012"]
}

# permissions of group prod-1-agent (worker)
resource "aws_iam_policy" "prod-1-agent-tags" {
  name        = "prod-1-agent-tags"
  path        = "/k8s/"
  description = "nodes of cluster prod-1"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Tags"
        Effect   = "Allow"
        Action   = "ec2:CreateTags"
        Resource = "*"
        Condition = {
          StringEquals = {
            "aws:RequestTag/owner" = "$${aws:PrincipalTag/owner}"
          }
          NumericLessThan = {
            "aws:MultiFactorAuthAge" = "300"
          }
        }
      },
    ]
  })
  tags = {
    "team" = "platform"
  }
}

# group prod-1-server (control-plane, etcd)
resource "aws_iam_role" "prod-1-server" {
  name        = "prod-1-server"
  path        = "/k8s/"
  description = "nodes of cluster prod-1"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "ec2.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
  permissions_boundary = "arn:aws:iam::123456789012:policy/team-boundary"
  tags = {
    "team" = "platform"
  }
}

# permissions of group prod-1-server (control-plane, etcd)
resource "aws_iam_role_policy_attachment" "prod-1-server_AmazonSSMManagedInstanceCore" {
  role       = aws_iam_role.prod-1-server.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

# permissions of group prod-1-server (control-plane, etcd)
resource "aws_iam_role_policy" "prod-1-server_kubelet-ecr-pull" {
  name = "kubelet-ecr-pull"
  role = aws_iam_role.prod-1-server.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "EcrPull"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = "arn:aws:ecr:*:123456789012:repository/*"
      },
      {
        Sid      = "EcrToken"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
    ]
  })
}

# group prod-1-server (control-plane, etcd)
resource "aws_iam_instance_profile" "prod-1-server" {
  name = "prod-1-server"
  path = "/k8s/"
  role = aws_iam_role.prod-1-server.name
  tags = {
    "team" = "platform"
  }
}

# group prod-1-agent (worker)
resource "aws_iam_role" "prod-1-agent" {
  name        = "prod-1-agent"
  path        = "/k8s/"
  description = "nodes of cluster prod-1"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "ec2.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
  tags = {
    "team" = "platform"
  }
}

# permissions of group prod-1-agent (worker)
resource "aws_iam_role_policy_attachment" "prod-1-agent_prod-1-agent-tags" {
  role       = aws_iam_role.prod-1-agent.name
  policy_arn = aws_iam_policy.prod-1-agent-tags.arn
}

# permissions of group prod-1-agent (worker)
resource "aws_iam_role_policy" "prod-1-agent_kubelet-ecr-pull" {
  name = "kubelet-ecr-pull"
  role = aws_iam_role.prod-1-agent.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "EcrPull"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = "arn:aws:ecr:*:123456789012:repository/*"
      },
      {
        Sid      = "EcrToken"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
    ]
  })
}

# group prod-1-agent (worker)
resource "aws_iam_instance_profile" "prod-1-agent" {
  name = "prod-1-agent"
  path = "/k8s/"
  role = aws_iam_role.prod-1-agent.name
}

# group prod-1-server (control-plane, etcd); the security group of load balancers
resource "aws_ec2_tag" "kubernetes_io_cluster_prod-1_owned" {
  for_each = toset([
    "i-0123456789abcdef0",
    "sg-0abc",
  ])
  resource_id = each.value
  key         = "kubernetes.io/cluster/prod-1"
  value       = "owned"
}

# where load balancers go
resource "aws_ec2_tag" "kubernetes_io_cluster_prod-1_shared" {
  for_each = toset([
    "subnet-01",
    "subnet-02",
  ])
  resource_id = each.value
  key         = "kubernetes.io/cluster/prod-1"
  value       = "shared"
}

# where load balancers go
resource "aws_ec2_tag" "kubernetes_io_role_internal-elb_1" {
  for_each    = toset(["subnet-01"])
  resource_id = each.value
  key         = "kubernetes.io/role/internal-elb"
  value       = "1"
}

# group prod-1-agent (worker)
resource "aws_autoscaling_group_tag" "prod-agents_kubernetes_io_cluster_prod-1" {
  autoscaling_group_name = "prod-agents"
  tag {
    key                 = "kubernetes.io/cluster/prod-1"
    value               = "owned"
    propagate_at_launch = true
  }
}

# group prod-1-agent (worker)
resource "aws_eks_access_entry" "prod-1-agent" {
  cluster_name  = "prod-1"
  principal_arn = aws_iam_role.prod-1-agent.arn
  type          = "EC2_LINUX"
}

# access of rancher
resource "aws_eks_access_entry" "rancher" {
  cluster_name  = "prod-1"
  principal_arn = "arn:aws:iam::123456789012:role/rancher"
  type          = "STANDARD"
}

# access of rancher
resource "aws_eks_access_policy_association" "rancher_AmazonEKSAdminPolicy" {
  cluster_name  = "prod-1"
  principal_arn = aws_eks_access_entry.rancher.principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy"
  access_scope {
    type       = "namespace"
    namespaces = ["cattle-system"]
  }
}

# images that are pulled through
resource "aws_ecr_registry_policy" "registry" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "KubeletEcrCache"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::123456789012:role/k8s/prod-1-agent"
        }
        Action = [
          "ecr:BatchImportUpstreamImage",
          "ecr:CreateRepository",
        ]
        Resource = "arn:aws:ecr:eu-central-1:123456789012:repository/docker-hub/*"
      },
    ]
  })
  depends_on = [aws_iam_role.prod-1-agent]
}

# pulls of other accounts
resource "aws_ecr_repository_policy" "team_api" {
  repository = "team/api"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "KubeletEcrPull"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::210987654321:root"
        }
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
      },
    ]
  })
}

# What is left, for `ecr-node-bootstrap apply` or for you:
#
# What the provider has no resource for:
#   create instance profile of i-0123456789abcdef0: arn:aws:iam::123456789012:instance-profile/k8s/prod-1-server
#
# Parts of what is there already:
#   create repository policy statement KubeletEcrPull of team/web
