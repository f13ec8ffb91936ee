// Command promlint reads metrics in the text format from standard input and
// prints what the linter of Prometheus, which is what `promtool check metrics`
// runs, finds wrong with them: one line each. It fails only where the text
// cannot be read.
//
// A program of its own, because promtool brings every service discovery of
// Prometheus along: minutes to build, where this takes seconds.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func main() {
	found, err := promlint.New(os.Stdin).Lint()
	if err != nil {
		log.Fatalf("not metrics: %v", err)
	}
	for _, problem := range found {
		fmt.Printf("%s: %s\n", problem.Metric, problem.Text)
	}
}
