package account

// scriptFunction is a function of the printed script.
type scriptFunction struct{ name, text string }

// scriptFunctions are those that a script may need, each with what it says to readers
// of the script.
func scriptFunctions() []scriptFunction {
	return []scriptFunction{
		{"say", `say() {
	printf '%s\n' "$*" >&3
}
`},
		{"stop", `stop() {
	printf '%s\n' "$*" >&2
	exit 1
}
`},
		{"eventually", `# Runs a command, and again for two minutes as long as AWS answers $1: what IAM has
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
`},
		{"drop_versions", `# Deletes the versions of policy $1, but for its default one and the $2 newest others.
drop_versions() {
	local versions version
	versions=$(aws iam list-policy-versions --policy-arn "$1" \
		--query "reverse(sort_by(Versions[?!IsDefaultVersion], &CreateDate))[$2:].VersionId" --output text)
	for version in $versions; do
		aws iam delete-policy-version --policy-arn "$1" --version-id "$version"
	done
}
`},
		{"idle", `# Waits two minutes at most until no instance has the instance profile $1.
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
`},
		{"association", `# Prints the association of instance $1, whose instance profile must be $2.
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
`},
		{"replace_profile", `# Gives instance $1 the instance profile $3, as JSON, in the place of $2. Only a running
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
`},
		{"unchanged", `# Stops unless the policy that a command gets is $1, or is missing where $1 is empty:
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
`},
	}
}
