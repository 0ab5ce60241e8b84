#!/usr/bin/env bash
# What cluster prod-1 needs in account 123456789012, region eu-central-1,
# as commands of the AWS CLI. Printed by `ecr-node-bootstrap print awscli` for the
# account as it was then: if a command fails, the script stops. Print it anew then,
# and it has what is still to be done.
# shellcheck disable=SC1003,SC2016 # what is in single quotes is meant as it is
set -euo pipefail

export AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1 AWS_PAGER=
exec 3>&1 >/dev/null # what AWS answers is not shown

say() {
	printf '%s\n' "$*" >&3
}

stop() {
	printf '%s\n' "$*" >&2
	exit 1
}

# Runs a command, and again for two minutes as long as AWS answers $1: what IAM has
# just created, others know some seconds later.
eventually() {
	local answer=$1 try said
	shift
	for ((try = 1; ; try++)); do
		if said=$("$@" 2>&1); then
			return
		fi
		if [[ ! $said =~ $answer ]] || ((try == 24)); then
			stop "$said"
		fi
		sleep 5
	done
}

# Stops unless the policy that a command gets is $1, or is missing where $1 is empty:
# a policy is written whole, and what others have written since would be lost.
unchanged() {
	local expected=$1 found said
	shift
	if ! found=$("$@" --query policyText --output text 2>/dev/null); then
		if said=$("$@" 2>&1) || [[ $said != *PolicyNotFoundException* ]]; then
			stop "$said"
		fi
		found=
	fi
	if [[ $found != "$expected" ]]; then
		stop "the policy that '$*' gets has changed: print the script anew"
	fi
}

expected=123456789012
account=$(aws sts get-caller-identity --query Account --output text)
if [[ $account != "$expected" ]]; then
	stop "these are credentials of account $account, and the script is for $expected"
fi

# permissions of group prod-1-agent (worker)
say 'create managed policy prod-1-agent-tags'
aws iam create-policy \
	--policy-name prod-1-agent-tags \
	--path /k8s/ \
	--description 'nodes of cluster prod-1' \
	--policy-document '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Tags",
      "Effect": "Allow",
      "Action": "ec2:CreateTags",
      "Resource": "*",
      "Condition": {
        "StringEquals": {
          "aws:RequestTag/owner": "${aws:PrincipalTag/owner}"
        },
        "NumericLessThan": {
          "aws:MultiFactorAuthAge": "300"
        }
      }
    }
  ]
}' \
	--tags '[{"Key":"kubelet-ecr/cluster","Value":"prod-1"},{"Key":"team","Value":"platform"}]'
aws iam wait policy-exists --policy-arn arn:aws:iam::123456789012:policy/k8s/prod-1-agent-tags

# group prod-1-server (control-plane, etcd)
say 'create role prod-1-server'
aws iam create-role \
	--role-name prod-1-server \
	--path /k8s/ \
	--description 'nodes of cluster prod-1' \
	--assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Service": "ec2.amazonaws.com"
      },
      "Action": "sts:AssumeRole"
    }
  ]
}' \
	--permissions-boundary arn:aws:iam::123456789012:policy/team-boundary \
	--tags '[{"Key":"kubelet-ecr/cluster","Value":"prod-1"},{"Key":"team","Value":"platform"}]'
aws iam wait role-exists --role-name prod-1-server

# permissions of group prod-1-server (control-plane, etcd)
say 'create attached policy arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore of prod-1-server'
eventually NoSuchEntity aws iam attach-role-policy \
	--role-name prod-1-server \
	--policy-arn arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore

# permissions of group prod-1-server (control-plane, etcd)
say 'create inline policy kubelet-ecr-pull of prod-1-server'
eventually NoSuchEntity aws iam put-role-policy \
	--role-name prod-1-server \
	--policy-name kubelet-ecr-pull \
	--policy-document '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "EcrPull",
      "Effect": "Allow",
      "Action": [
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer"
      ],
      "Resource": "arn:aws:ecr:*:123456789012:repository/*"
    },
    {
      "Sid": "EcrToken",
      "Effect": "Allow",
      "Action": "ecr:GetAuthorizationToken",
      "Resource": "*"
    }
  ]
}'

# group prod-1-server (control-plane, etcd)
say 'create instance profile prod-1-server'
aws iam create-instance-profile \
	--instance-profile-name prod-1-server \
	--path /k8s/ \
	--tags '[{"Key":"kubelet-ecr/cluster","Value":"prod-1"},{"Key":"team","Value":"platform"}]'
aws iam wait instance-profile-exists --instance-profile-name prod-1-server

# group prod-1-server (control-plane, etcd)
say 'create role of instance profile prod-1-server: prod-1-server'
eventually NoSuchEntity aws iam add-role-to-instance-profile \
	--instance-profile-name prod-1-server \
	--role-name prod-1-server

# group prod-1-agent (worker)
say 'create role prod-1-agent'
aws iam create-role \
	--role-name prod-1-agent \
	--path /k8s/ \
	--description 'nodes of cluster prod-1' \
	--assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Service": "ec2.amazonaws.com"
      },
      "Action": "sts:AssumeRole"
    }
  ]
}' \
	--tags '[{"Key":"kubelet-ecr/cluster","Value":"prod-1"},{"Key":"team","Value":"platform"}]'
aws iam wait role-exists --role-name prod-1-agent

# permissions of group prod-1-agent (worker)
say 'create attached policy arn:aws:iam::123456789012:policy/k8s/prod-1-agent-tags of prod-1-agent'
eventually NoSuchEntity aws iam attach-role-policy \
	--role-name prod-1-agent \
	--policy-arn arn:aws:iam::123456789012:policy/k8s/prod-1-agent-tags

# permissions of group prod-1-agent (worker)
say 'create inline policy kubelet-ecr-pull of prod-1-agent'
eventually NoSuchEntity aws iam put-role-policy \
	--role-name prod-1-agent \
	--policy-name kubelet-ecr-pull \
	--policy-document '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "EcrPull",
      "Effect": "Allow",
      "Action": [
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer"
      ],
      "Resource": "arn:aws:ecr:*:123456789012:repository/*"
    },
    {
      "Sid": "EcrToken",
      "Effect": "Allow",
      "Action": "ecr:GetAuthorizationToken",
      "Resource": "*"
    }
  ]
}'

# group prod-1-agent (worker)
say 'create instance profile prod-1-agent'
aws iam create-instance-profile \
	--instance-profile-name prod-1-agent \
	--path /k8s/ \
	--tags '[{"Key":"kubelet-ecr/cluster","Value":"prod-1"}]'
aws iam wait instance-profile-exists --instance-profile-name prod-1-agent

# group prod-1-agent (worker)
say 'create role of instance profile prod-1-agent: prod-1-agent'
eventually NoSuchEntity aws iam add-role-to-instance-profile \
	--instance-profile-name prod-1-agent \
	--role-name prod-1-agent

# group prod-1-server (control-plane, etcd)
say 'create instance profile of i-0123456789abcdef0: arn:aws:iam::123456789012:instance-profile/k8s/prod-1-server'
eventually 'Invalid IAM Instance Profile' aws ec2 associate-iam-instance-profile \
	--instance-id i-0123456789abcdef0 \
	--iam-instance-profile '{"Arn":"arn:aws:iam::123456789012:instance-profile/k8s/prod-1-server"}'

# group prod-1-server (control-plane, etcd); the security group of load balancers
say 'create tag kubernetes.io/cluster/prod-1 of i-0123456789abcdef0: owned, and 1 more'
aws ec2 create-tags \
	--resources i-0123456789abcdef0 sg-0abc \
	--tags '[{"Key":"kubernetes.io/cluster/prod-1","Value":"owned"}]'

# where load balancers go
say 'create tag kubernetes.io/cluster/prod-1 of subnet-01: shared, and 1 more'
aws ec2 create-tags \
	--resources subnet-01 subnet-02 \
	--tags '[{"Key":"kubernetes.io/cluster/prod-1","Value":"shared"}]'

# where load balancers go
say 'create tag kubernetes.io/role/internal-elb of subnet-01: 1'
aws ec2 create-tags \
	--resources subnet-01 \
	--tags '[{"Key":"kubernetes.io/role/internal-elb","Value":"1"}]'

# group prod-1-agent (worker)
say 'create auto scaling tag kubernetes.io/cluster/prod-1 of prod-agents'
aws autoscaling create-or-update-tags \
	--tags '[{"ResourceId":"prod-agents","ResourceType":"auto-scaling-group","Key":"kubernetes.io/cluster/prod-1","Value":"owned","PropagateAtLaunch":true}]'

# group prod-1-agent (worker)
say 'create access entry arn:aws:iam::123456789012:role/k8s/prod-1-agent of prod-1'
eventually 'principalArn|ResourcePropagationDelay' aws eks create-access-entry \
	--cluster-name prod-1 \
	--principal-arn arn:aws:iam::123456789012:role/k8s/prod-1-agent \
	--type EC2_LINUX \
	--tags '{"kubelet-ecr/cluster":"prod-1"}'

# access of rancher
say 'create access entry arn:aws:iam::123456789012:role/rancher of prod-1'
eventually 'principalArn|ResourcePropagationDelay' aws eks create-access-entry \
	--cluster-name prod-1 \
	--principal-arn arn:aws:iam::123456789012:role/rancher \
	--type STANDARD

# access of rancher
say 'create access policy arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy of arn:aws:iam::123456789012:role/rancher'
eventually 'principalArn|ResourcePropagationDelay' aws eks associate-access-policy \
	--cluster-name prod-1 \
	--principal-arn arn:aws:iam::123456789012:role/rancher \
	--policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy \
	--access-scope '{"type":"namespace","namespaces":["cattle-system"]}'

# images that are pulled through
say 'create registry policy statement KubeletEcrCache'
unchanged '' aws ecr get-registry-policy
eventually 'Invalid (repository|registry) policy provided' aws ecr put-registry-policy \
	--policy-text '{"Version":"2012-10-17","Statement":[{"Sid":"KubeletEcrCache","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/k8s/prod-1-agent"},"Action":["ecr:BatchImportUpstreamImage","ecr:CreateRepository"],"Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/docker-hub/*"}]}'

# pulls of other accounts
say 'create repository policy statement KubeletEcrPull of team/api'
unchanged '' aws ecr get-repository-policy --repository-name team/api
eventually 'Invalid (repository|registry) policy provided' aws ecr set-repository-policy \
	--repository-name team/api \
	--policy-text '{"Version":"2012-10-17","Statement":[{"Sid":"KubeletEcrPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}'

# pulls of other accounts
say 'create repository policy statement KubeletEcrPull of team/web'
unchanged '{"Version":"2008-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}' aws ecr get-repository-policy \
	--repository-name team/web
eventually 'Invalid (repository|registry) policy provided' aws ecr set-repository-policy \
	--repository-name team/web \
	--policy-text '{"Version":"2008-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]},{"Sid":"KubeletEcrPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}'

# Nothing is left.
