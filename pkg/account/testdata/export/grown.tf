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

# group prod-1-server
resource "aws_iam_role_policy_attachment" "prod-1-server_prod-1-server-called" {
  role       = "prod-1-server"
  policy_arn = "arn:aws:iam::123456789012:policy/prod-1-server-called"
}

# group prod-1-server
resource "aws_iam_role_policy" "prod-1-server_kubelet-ecr-pull" {
  name = "kubelet-ecr-pull"
  role = "prod-1-server"
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

# What is left, for `ecr-node-bootstrap apply` or for you:
#
# What is there already:
#   change policy document prod-1-server-called of arn:aws:iam::123456789012:policy/prod-1-server-called
#   change trust policy prod-1-server
#   change inline policy kubelet-ecr-called of prod-1-server
#   change role of instance profile prod-1-server: prod-1-old -> prod-1-server
#   change tag kubernetes.io/cluster/prod-1 of subnet-01: shared -> owned
#   change access entry arn:aws:iam::123456789012:role/prod-1-server of prod-1
#   change repository policy statement KubeletEcrPull of team/web
#   delete repository policy statement KubeletEcrOld of team/web
#   delete registry policy statement KubeletEcrCache
#   delete access policy arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy of arn:aws:iam::123456789012:role/rancher
#   delete access entry arn:aws:iam::123456789012:role/rancher of prod-1
#   delete auto scaling tag kubernetes.io/cluster/prod-0 of prod-agents
#   delete tag kubernetes.io/cluster/prod-0 of subnet-01: owned
#   delete role of instance profile prod-1-old: prod-1-old
#   delete instance profile prod-1-old
#   delete inline policy kubelet-ecr-rancher of prod-1-server
#   delete attached policy arn:aws:iam::aws:policy/AdministratorAccess of prod-1-server
#   delete role tag old of prod-1-server: ""
#   delete permissions boundary prod-1-agent: arn:aws:iam::123456789012:policy/team-boundary
#   delete role prod-1-old
#   delete managed policy prod-1-old
#
# Parts of what is there already:
#   create permissions boundary prod-1-server: arn:aws:iam::123456789012:policy/team-boundary
#   create role tag team of prod-1-server: platform
#   create repository policy statement KubeletEcrPull of team/odd
#
# What the provider has no resource for:
#   change instance profile of i-1: arn:aws:iam::123456789012:instance-profile/other -> arn:aws:iam::123456789012:instance-profile/prod-1-server
#   delete instance profile of i-2: arn:aws:iam::123456789012:instance-profile/prod-1-old
