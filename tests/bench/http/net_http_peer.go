// net_http_peer PORT: the same body by Go's net/http, as its documentation shows it.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	port := "18082"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	body := []byte("{\"status\":\"healthy\"}\n")
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
