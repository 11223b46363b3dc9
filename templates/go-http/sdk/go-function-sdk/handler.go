// Package handler is the older name of the types of OpenFaaS's template golang-http.
package handler

import sdk "github.com/openfaas/templates-sdk/go-http"

// Request is one call of a function.
type Request = sdk.Request

// Response is a function's answer.
type Response = sdk.Response

// FunctionHandler is what can answer requests.
type FunctionHandler = sdk.FunctionHandler
