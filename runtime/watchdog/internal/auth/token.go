// Package auth checks the tokens of requests when jwt_auth is set.
package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"fwatchdog/internal/calls"
	"fwatchdog/internal/config"
	"fwatchdog/internal/logging"
)

// clockLeeway is the accepted difference between the clocks of issuer and function.
const clockLeeway = time.Second

var errForbidden = errors.New("insufficient permissions")

// Guard rejects requests without a token that permits a call of this function.
type Guard struct {
	config *config.Config
	logger *logging.Logger
	keys   *keySet
}

// claims are the fields of a token that are checked.
type claims struct {
	Issuer    string         `json:"iss"`
	Audience  stringList     `json:"aud"`
	Expires   *float64       `json:"exp"`
	NotBefore *float64       `json:"nbf"`
	Function  functionClaims `json:"function"`
}

// functionClaims name the functions that may be called: patterns of namespace:name in which * stands for any text.
type functionClaims struct {
	Permissions []string `json:"permissions"`
	Audience    []string `json:"audience"`
}

// stringList is a string or a list of strings, as in `aud`.
type stringList []string

// UnmarshalJSON accepts both forms.
func (l *stringList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = stringList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// NewGuard fetches the keys of the issuer. It returns nil when the configuration does not require tokens.
func NewGuard(c *config.Config, l *logging.Logger) (*Guard, error) {
	if !c.JWT {
		return nil, nil
	}
	keys, err := fetchKeys(c.JWTAuthority)
	if err != nil {
		return nil, err
	}
	return &Guard{config: c, logger: l, keys: keys}, nil
}

// Wrap passes a request to the next handler when its token is valid. A nil guard lets every request pass.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	if g == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, next) })
}

func (g *Guard) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	begun := time.Now()
	err := g.check(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), begun)
	if err == nil {
		r.Header.Set("X-Auth-Seconds", calls.Seconds(time.Since(begun)))
		next.ServeHTTP(w, r)
		return
	}
	if g.config.JWTDebug {
		g.logger.Printf("%s %s - token rejected: %v", r.Method, r.URL.Path, err)
	}
	header := w.Header()
	header.Set("X-Openfaas-Internal", "faas-middleware")
	status := http.StatusForbidden
	if !errors.Is(err, errForbidden) {
		status = http.StatusUnauthorized
		header.Set("Www-Authenticate", "Bearer realm=IAM function invoke")
	}
	http.Error(w, err.Error(), status)
}

func (g *Guard) check(token string, now time.Time) error {
	if token == "" {
		return errors.New("no token in the Authorization header")
	}
	found, err := g.verify(token)
	if err != nil {
		return err
	}
	if err := found.valid(g.keys.issuer, now); err != nil {
		return err
	}
	return found.Function.allow(g.config.Identity)
}

// verify checks the signature and returns the claims.
func (g *Guard) verify(token string) (*claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("the token is not a JWT")
	}
	var header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	if err := decodePart(parts[0], &header); err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errors.New("the token's signature is not base64")
	}
	key := g.keys.find(header.KeyID)
	if key == nil {
		return nil, fmt.Errorf("the key of the token is unknown: %q", header.KeyID)
	}
	if err := verifySignature(key, header.Algorithm, []byte(parts[0]+"."+parts[1]), signature); err != nil {
		return nil, err
	}
	var found claims
	return &found, decodePart(parts[1], &found)
}

func decodePart(part string, into any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("the token is invalid: %w", err)
	}
	return nil
}

func (c *claims) valid(issuer string, now time.Time) error {
	switch {
	case c.Issuer != issuer:
		return errors.New("the token has another issuer")
	case !slices.Contains(c.Audience, issuer):
		return errors.New("the token is for another audience")
	case c.Expires != nil && now.After(unixTime(*c.Expires).Add(clockLeeway)):
		return errors.New("the token has expired")
	case c.NotBefore != nil && now.Before(unixTime(*c.NotBefore).Add(-clockLeeway)):
		return errors.New("the token is not valid yet")
	}
	return nil
}

func unixTime(seconds float64) time.Time { return time.Unix(int64(seconds), 0) }

func (f functionClaims) allow(identity string) error {
	match := func(pattern string) bool { return matches(pattern, identity) }
	if !slices.ContainsFunc(f.Permissions, match) || (len(f.Audience) > 0 && !slices.ContainsFunc(f.Audience, match)) {
		return errForbidden
	}
	return nil
}

// matches compares the whole text with a pattern in which * stands for any text, also an empty one.
func matches(pattern, text string) bool {
	first, rest, wildcard := strings.Cut(pattern, "*")
	text, found := strings.CutPrefix(text, first)
	if !found || !wildcard {
		return found && text == ""
	}
	for {
		part, after, wildcard := strings.Cut(rest, "*")
		if !wildcard {
			return strings.HasSuffix(text, part)
		}
		if _, text, found = strings.Cut(text, part); !found {
			return false
		}
		rest = after
	}
}
