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

# Deletes the versions of policy $1, but for its default one and the $2 newest others.
drop_versions() {
	local versions version
	versions=$(aws iam list-policy-versions --policy-arn "$1" \
		--query "reverse(sort_by(Versions[?!IsDefaultVersion], &CreateDate))[$2:].VersionId" --output text)
	for version in $versions; do
		aws iam delete-policy-version --policy-arn "$1" --version-id "$version"
	done
}

# Waits two minutes at most until no instance has the instance profile $1.
idle() {
	local try instances
	for ((try = 1; ; try++)); do
		instances=$(aws ec2 describe-iam-instance-profile-associations \
			--filters Name=state,Values=associating,associated,disassociating \
			--query "IamInstanceProfileAssociations[?ends_with(IamInstanceProfile.Arn, '/$1')].InstanceId" --output text)
		if [[ -z $instances ]]; then
			return
		fi
		if ((try == 24)); then
			stop "instance profile $1 is that of $instances"
		fi
		sleep 5
	done
}

# Prints the association of instance $1, whose instance profile must be $2.
association() {
	local found
	found=$(aws ec2 describe-iam-instance-profile-associations \
		--filters "Name=instance-id,Values=$1" Name=state,Values=associating,associated \
		--query 'IamInstanceProfileAssociations[0].[AssociationId, IamInstanceProfile.Arn]' --output text)
	if [[ ${found#*$'\t'} != "$2" ]]; then
		stop "the instance profile of $1 is no longer $2: print the script anew"
	fi
	printf '%s' "${found%%$'\t'*}"
}

# Gives instance $1 the instance profile $3, as JSON, in the place of $2. Only a running
# instance can have it replaced; another one loses it first.
replace_profile() {
	local id state
	id=$(association "$1" "$2")
	state=$(aws ec2 describe-instances --instance-ids "$1" \
		--query 'Reservations[0].Instances[0].State.Name' --output text)
	if [[ $state == running ]]; then
		eventually 'Invalid IAM Instance Profile' aws ec2 replace-iam-instance-profile-association \
			--association-id "$id" --iam-instance-profile "$3"
		return
	fi
	aws ec2 disassociate-iam-instance-profile --association-id "$id"
	eventually 'Invalid IAM Instance Profile|IncorrectState' aws ec2 associate-iam-instance-profile \
		--instance-id "$1" --iam-instance-profile "$3"
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

# group prod-1-server
say 'change policy document prod-1-server-called of arn:aws:iam::123456789012:policy/prod-1-server-called'
drop_versions arn:aws:iam::123456789012:policy/prod-1-server-called 3
aws iam create-policy-version \
	--policy-arn arn:aws:iam::123456789012:policy/prod-1-server-called \
	--set-as-default \
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

# group prod-1-server
say 'change trust policy prod-1-server'
aws iam update-assume-role-policy \
	--role-name prod-1-server \
	--policy-document '{
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
}'

# group prod-1-server
say 'create permissions boundary prod-1-server: arn:aws:iam::123456789012:policy/team-boundary'
aws iam put-role-permissions-boundary \
	--role-name prod-1-server \
	--permissions-boundary arn:aws:iam::123456789012:policy/team-boundary

# group prod-1-server
say 'create role tag team of prod-1-server: platform'
aws iam tag-role --role-name prod-1-server --tags '[{"Key":"team","Value":"platform"}]'

# group prod-1-server
say 'create attached policy arn:aws:iam::123456789012:policy/prod-1-server-called of prod-1-server'
eventually NoSuchEntity aws iam attach-role-policy \
	--role-name prod-1-server \
	--policy-arn arn:aws:iam::123456789012:policy/prod-1-server-called

# group prod-1-server
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

# group prod-1-server
say 'change inline policy kubelet-ecr-called of prod-1-server'
eventually NoSuchEntity aws iam put-role-policy \
	--role-name prod-1-server \
	--policy-name kubelet-ecr-called \
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

# group prod-1-server
say 'change role of instance profile prod-1-server: prod-1-old -> prod-1-server'
idle prod-1-server
aws iam remove-role-from-instance-profile \
	--instance-profile-name prod-1-server \
	--role-name prod-1-old
eventually NoSuchEntity aws iam add-role-to-instance-profile \
	--instance-profile-name prod-1-server \
	--role-name prod-1-server

# group prod-1-server
say 'change instance profile of i-1: arn:aws:iam::123456789012:instance-profile/other -> arn:aws:iam::123456789012:instance-profile/prod-1-server'
replace_profile i-1 arn:aws:iam::123456789012:instance-profile/other '{"Arn":"arn:aws:iam::123456789012:instance-profile/prod-1-server"}'

# group prod-1-server
say 'change tag kubernetes.io/cluster/prod-1 of subnet-01: shared -> owned'
aws ec2 create-tags \
	--resources subnet-01 \
	--tags '[{"Key":"kubernetes.io/cluster/prod-1","Value":"owned"}]'

# group prod-1-server
say 'change access entry arn:aws:iam::123456789012:role/prod-1-server of prod-1'
aws eks delete-access-entry \
	--cluster-name prod-1 \
	--principal-arn arn:aws:iam::123456789012:role/prod-1-server
eventually 'principalArn|ResourcePropagationDelay' aws eks create-access-entry \
	--cluster-name prod-1 \
	--principal-arn arn:aws:iam::123456789012:role/prod-1-server \
	--type EC2_LINUX

# group prod-1-server
say 'change repository policy statement KubeletEcrPull of team/web, and 1 more'
unchanged '{
  "Version" : "2008-10-17",
  "Statement" : [ {"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}, {"Sid":"KubeletEcrPull","Effect":"Allow","Principal":{"AWS":"*"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}, {"Sid":"KubeletEcrOld","Effect":"Allow","Principal":{"AWS":"*"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]} ]
}' aws ecr get-repository-policy \
	--repository-name team/web
eventually 'Invalid (repository|registry) policy provided' aws ecr set-repository-policy \
	--repository-name team/web \
	--policy-text '{"Version":"2008-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::333333333333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]},{"Sid":"KubeletEcrPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}'

# group prod-1-server
say 'delete registry policy statement KubeletEcrCache'
unchanged '{"Version":"2012-10-17","Statement":[{"Sid":"KubeletEcrCache","Effect":"Allow","Principal":{"AWS":"*"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}' aws ecr get-registry-policy
aws ecr delete-registry-policy

# group prod-1-server
say 'delete access policy arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy of arn:aws:iam::123456789012:role/rancher'
aws eks disassociate-access-policy \
	--cluster-name prod-1 \
	--principal-arn arn:aws:iam::123456789012:role/rancher \
	--policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy

# group prod-1-server
say 'delete auto scaling tag kubernetes.io/cluster/prod-0 of prod-agents'
aws autoscaling delete-tags \
	--tags '[{"ResourceId":"prod-agents","ResourceType":"auto-scaling-group","Key":"kubernetes.io/cluster/prod-0"}]'

# group prod-1-server
say 'delete tag kubernetes.io/cluster/prod-0 of subnet-01: owned'
aws ec2 delete-tags \
	--resources subnet-01 \
	--tags '[{"Key":"kubernetes.io/cluster/prod-0","Value":"owned"}]'

# group prod-1-server
say 'delete instance profile of i-2: arn:aws:iam::123456789012:instance-profile/prod-1-old'
id=$(association i-2 arn:aws:iam::123456789012:instance-profile/prod-1-old)
aws ec2 disassociate-iam-instance-profile --association-id "$id"

# group prod-1-server
say 'delete role of instance profile prod-1-old: prod-1-old'
idle prod-1-old
aws iam remove-role-from-instance-profile --instance-profile-name prod-1-old --role-name prod-1-old

# group prod-1-server
say 'delete instance profile prod-1-old'
aws iam delete-instance-profile --instance-profile-name prod-1-old

# group prod-1-server
say 'delete inline policy kubelet-ecr-rancher of prod-1-server'
aws iam delete-role-policy --role-name prod-1-server --policy-name kubelet-ecr-rancher

# group prod-1-server
say 'delete attached policy arn:aws:iam::aws:policy/AdministratorAccess of prod-1-server'
aws iam detach-role-policy \
	--role-name prod-1-server \
	--policy-arn arn:aws:iam::aws:policy/AdministratorAccess

# group prod-1-server
say 'delete role tag old of prod-1-server: ""'
aws iam untag-role --role-name prod-1-server --tag-keys old

# group prod-1-server
say 'delete permissions boundary prod-1-agent: arn:aws:iam::123456789012:policy/team-boundary'
aws iam delete-role-permissions-boundary --role-name prod-1-agent

# group prod-1-server
say 'delete role prod-1-old'
aws iam delete-role --role-name prod-1-old

# group prod-1-server
say 'delete managed policy prod-1-old'
drop_versions arn:aws:iam::123456789012:policy/prod-1-old 0
aws iam delete-policy --policy-arn arn:aws:iam::123456789012:policy/prod-1-old

# What is left, for `ecr-node-bootstrap apply` or for you:
#
# What cannot be read or made:
#   create repository policy statement KubeletEcrPull of team/odd
#
# Access entries, which may have got policies and groups of others since:
#   delete access entry arn:aws:iam::123456789012:role/rancher of prod-1
