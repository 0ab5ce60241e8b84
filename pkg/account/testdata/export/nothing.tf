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

# Nothing is left.
