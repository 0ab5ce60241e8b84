package fakeaws

import (
	"encoding/json"
	"net/http"
	"strings"
)

const controlPath = "/fakeaws/"

// control lets another process read the calls and the account, and set faults: GET
// calls or account (as Dump has it), POST faults (a fault per line, as ParseFault reads
// it), DELETE calls or faults.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPath) {
	case "GET calls":
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.Calls())
	case "GET account":
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.Dump())
	case "DELETE calls":
		s.ForgetCalls()
	case "DELETE faults":
		s.Heal()
	case "POST faults":
		if err := s.injectAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	default:
		http.NotFound(w, r)
	}
}
