package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
)

var tokens = map[string]string{"ann": "secret"}

func TestSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sockettest.Connect(t, mux(tokens), "/sums", sockettest.Header("Authorization", "Bearer secret"))
		p.SendText(`{"Add":[1,2,3]}`)
		p.ExpectText(`{"Sum":6,"For":"ann"}`)
		p.SendText(`nonsense`)
		p.ExpectText(`{"Error":"send {\"Add\":[1,2,3]}"}`)
		p.SendText(`{"Add":[1` + strings.Repeat(",1", 100) + `]}`)
		assert.Equal(t, "100 numbers at most", p.ExpectClose(frame.PolicyViolation))
	})
}

func TestStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, authorization := range []string{"", "Bearer guess", "secret"} {
			response := sockettest.Refused(t, mux(tokens), "/sums", sockettest.Header("Authorization", authorization))
			assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
		}
	})
}
