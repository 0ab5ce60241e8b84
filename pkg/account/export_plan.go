package account

import "context"

// Export reads the account and compares it with the file, as Plan does, and returns
// the changes for the printers.
func (a *Account) Export(ctx context.Context, o Options) (Export, error) {
	w, err := a.read(ctx)
	if err != nil {
		return Export{}, err
	}
	if o.FromNothing {
		a.clear(w)
	}
	e := Export{
		Partition: a.partition, Account: a.file.Account, Region: a.file.Region, Cluster: a.file.Cluster,
		Policies: map[string]string{}, Changes: a.compare(w, o).Changes,
	}
	if a.file.EKS != nil {
		e.EKS = a.file.EKS.Name
	}
	if o.FromNothing {
		return e, nil
	}
	return e, a.addPolicies(ctx, &e)
}

// addPolicies reads the policies that statements are changed of, as ECR has them: a
// script compares them before it writes.
func (a *Account) addPolicies(ctx context.Context, e *Export) (err error) {
	for _, c := range e.Changes {
		if _, known := e.Policies[c.Of]; known {
			continue
		}
		var text string
		switch c.Kind {
		case kindRegistry:
			text, err = a.registryText(ctx)
		case kindRepository:
			text, _, err = a.repositoryText(ctx, c.Of)
		}
		if err != nil {
			return err
		}
		if text != "" {
			e.Policies[c.Of] = text
		}
	}
	return nil
}
