package clusterid

import (
	"slices"
	"strings"
)

// A RouteTableChoice is the table that the cloud controller writes pod routes into.
type RouteTableChoice struct {
	Table string `json:"table,omitempty"` // "" if it finds none
	Why   string `json:"why,omitempty"`
	Err   string `json:"error,omitempty"` // what the controller says then
}

// ChooseRouteTable is the table that the cloud controller takes; zero if it manages no
// routes. It looks in every VPC of the region (ccm aws_routes.go, findRouteTable).
func ChooseRouteTable(w World) RouteTableChoice {
	choice, _ := w.routeTable()
	return choice
}

// routeTable also returns the tables that the controller could not decide between.
func (w *World) routeTable() (RouteTableChoice, []string) {
	if !w.Options.Routes {
		return RouteTableChoice{}, nil
	}
	var found []string
	why := "the one tagged"
	for _, t := range w.RouteTables {
		if id := w.Options.RouteTableID; id == t.ID || id == "" && w.tagged(t.Tags) {
			found = append(found, t.ID)
		}
	}
	if w.Options.RouteTableID != "" {
		why = "its configuration"
	}
	slices.Sort(found)
	// Both texts end in the controller's --cluster-name, which is not the ClusterID.
	switch len(found) {
	case 0:
		return RouteTableChoice{Err: "unable to find route table for AWS cluster"}, nil
	case 1:
		return RouteTableChoice{Table: found[0], Why: why}, found
	}
	return RouteTableChoice{Err: "found multiple matching AWS route tables for AWS cluster"}, found
}

func (r *report) checkRoutes() {
	choice, found := r.routeTable()
	switch {
	case choice.Err == "":
	case r.Options.RouteTableID != "":
		r.add("route-table-missing", r.Options.RouteTableID,
			"the cloud controller's configuration names this route table, and the region does not have it; no pod network gets a route: "+choice.Err,
			"correct RouteTableID in the cloud controller's configuration")
	case len(found) == 0:
		r.add("route-table-missing", r.Cluster,
			"no route table is tagged for the cluster, and the cloud controller manages routes; no pod network gets one: "+choice.Err,
			"tag the one table that the nodes' subnets share: "+r.tagCommand("TABLE", Shared))
	default:
		r.add("route-table-several", r.Cluster,
			strings.Join(found, ", ")+" are all tagged for the cluster, and the cloud controller manages routes in one; no pod network gets a route: "+choice.Err,
			"keep the tag of one, or name it as RouteTableID in the cloud controller's configuration: "+r.untagCommand("TABLE", Key(r.Cluster)))
	}
}
