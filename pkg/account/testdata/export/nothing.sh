#!/usr/bin/env bash
# What cluster prod-1 needs in account 123456789012, region eu-central-1,
# as commands of the AWS CLI. Printed by `ecr-node-bootstrap print awscli` for the
# account as it was then: if a command fails, the script stops. Print it anew then,
# and it has what is still to be done.
# shellcheck disable=SC1003,SC2016 # what is in single quotes is meant as it is
set -euo pipefail

export AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1 AWS_PAGER=
exec 3>&1 >/dev/null # what AWS answers is not shown

stop() {
	printf '%s\n' "$*" >&2
	exit 1
}

expected=123456789012
account=$(aws sts get-caller-identity --query Account --output text)
if [[ $account != "$expected" ]]; then
	stop "these are credentials of account $account, and the script is for $expected"
fi

# Nothing is left.
