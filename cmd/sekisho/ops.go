package main

import (
	"encoding/json"
	"fmt"

	"sekisho/internal/app"
	"sekisho/internal/edge/api"
	"sekisho/internal/kernel/text"
)

type opsCmd struct {
	JSON bool `help:"入出力の JSON Schema も出す / Print JSON with input and output schemas." name:"json"`
}

type opOut struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Mode     string         `json:"mode"`
	StepUp   bool           `json:"step_up"`
	Reason   bool           `json:"reason"`
	FourEyes bool           `json:"four_eyes"`
	Input    map[string]any `json:"input"`
	Output   map[string]any `json:"output"`
}

// Run lists the ops.
func (c opsCmd) Run(e *env) error {
	infos, err := app.Infos()
	if err != nil {
		return err
	}
	var list []opOut
	for _, i := range infos {
		list = append(list, opOut{i.Name, text.T(e.lang, "op."+i.Name), i.Mode.String(), i.Needs.StepUp, i.Needs.Reason, i.FourEyes, i.In, i.Out})
	}
	if c.JSON {
		return printJSON(e, list)
	}
	for _, o := range list {
		fmt.Fprintf(e.out, "%-32s %-5s %s\n", o.Name, o.Mode, o.Title)
	}
	return nil
}

func printJSON(e *env, v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

type routesCmd struct {
	JSON bool `help:"JSON で出す / Print JSON." name:"json"`
}

// Run lists the routes.
func (c routesCmd) Run(e *env) error {
	infos, err := app.Infos()
	if err != nil {
		return err
	}
	routes := api.Routes(infos)
	if c.JSON {
		return printJSON(e, routes)
	}
	for _, r := range routes {
		fmt.Fprintf(e.out, "%-5s %s\n", r.Method, r.Path)
	}
	return nil
}
