# Bakes both programs into an image, with all that a node needs to pull from Amazon ECR.
# It asks nothing of AWS but what Packer does: the instance needs no role, and no token
# stays in the image.
#
#   packer plugins install github.com/hashicorp/amazon # with Packer 1.11 and newer
#   packer build -var region=REGION ecr-node-bootstrap.pkr.hcl

variable "region" {
  type    = string
  default = {{hcl .Region}}
}

variable "source_ami_owner" {
  type    = string
  default = "099720109477" # Canonical
}

variable "source_ami_name" {
  type    = string
  default = "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-server-*"
}

variable "ssh_username" {
  type    = string
  default = "ubuntu"
}

variable "instance_type" {
  type    = string
  default = "t3.medium"
}

variable "instance_profile" {
  type        = string
  default     = ""
  description = "Of the instance that bakes, if your other steps need one."
}

variable "distribution" {
  type        = string
  default     = {{with .Distribution}}{{hcl .}}{{else}}"auto"{{end}}
  description = "kubeadm, k3s, rke2, eks or generic; auto if the image has it already."
}

variable "kubelet_version" {
  type        = string
  default     = {{hcl .KubeletVersion}}
  description = "Of the kubelet that will run, if the image does not have it yet."
}

variable "programs" {
  type        = string
  default     = "."
  description = "The directory with ecr-credential-provider and ecr-node-bootstrap, of the image's architecture."
}

variable "bootstrap" {
  type    = string
  default = "bootstrap.yaml"
}

source "amazon-ebs" "node" {
  region               = var.region
  ami_name             = "ecr-node-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  instance_type        = var.instance_type
  iam_instance_profile = var.instance_profile
  ssh_username         = var.ssh_username

  source_ami_filter {
    filters = {
      name                = var.source_ami_name
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = [var.source_ami_owner]
    most_recent = true
  }
}

build {
  sources = ["source.amazon-ebs.node"]

  # Where sudo finds them, and user-data without an archive.
  provisioner "file" {
    sources = [
      "${var.programs}/ecr-credential-provider",
      "${var.programs}/ecr-node-bootstrap",
      var.bootstrap,
    ]
    destination = "/tmp/"
  }

  provisioner "shell" {
    environment_vars = [
      "BOOTSTRAP=/tmp/${basename(var.bootstrap)}",
      "DISTRIBUTION=${var.distribution}",
      "KUBELET_VERSION=${var.kubelet_version}",
    ]
    inline_shebang = "/bin/sh -eu"
    inline = [
      "sudo install -m 0755 /tmp/ecr-credential-provider /tmp/ecr-node-bootstrap /usr/local/bin/",
      "sudo install -D -m 0644 \"$BOOTSTRAP\" /etc/ecr-node-bootstrap/bootstrap.yaml",
      "rm -f /tmp/ecr-credential-provider /tmp/ecr-node-bootstrap \"$BOOTSTRAP\"",
      "sudo /usr/local/bin/ecr-node-bootstrap install -f /etc/ecr-node-bootstrap/bootstrap.yaml --plugin /usr/local/bin/ecr-credential-provider --distribution \"$DISTRIBUTION\" $${KUBELET_VERSION:+--kubelet-version \"$KUBELET_VERSION\"} --yes",
    ]
  }
}
