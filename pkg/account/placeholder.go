package account

func (a *Account) AWSCLI(o *Outcome) (string, error)         { return "", nil }
func (a *Account) Terraform(o *Outcome) (string, error)      { return "", nil }
func (a *Account) CloudFormation(o *Outcome) (string, error) { return "", nil }
