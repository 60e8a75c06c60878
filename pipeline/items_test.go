package pipeline

import (
	"fmt"
	"io"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
)

func TestClosedFailure(t *testing.T) {
	for _, c := range []Closed{
		{Code: frame.Normal, Clean: true},
		{Code: frame.GoingAway, Reason: "bye", Clean: true},
		{Code: frame.NoStatus, Clean: true},
		{Code: frame.ServiceRestart, Clean: true, By: Local},
	} {
		assert.NoError(t, c.Failure(), c)
	}
	for want, c := range map[string]Closed{
		"EOF":                              {Code: frame.Normal, Err: io.EOF},
		"connection ended without a Close": {Code: frame.Abnormal},
		`connection was closed with 1011 "oops\nforged"`: {Code: frame.InternalError, Reason: "oops\nforged", Clean: true, By: Peer},
		`connection was closed with 4401 ""`:             {Code: 4401, Clean: true, By: Peer},
		`connection was closed with 1012 ""`:             {Code: frame.ServiceRestart, Clean: true, By: Peer},
		"1009 too big":                                   {Code: frame.TooBig, Err: frame.Failure(frame.TooBig, "too big")},
	} {
		assert.EqualError(t, c.Failure(), want)
	}
}

func TestClosedString(t *testing.T) {
	for want, c := range map[string]Closed{
		`closed by peer with 1000 "bye"`:          {Code: frame.Normal, Reason: "bye", Clean: true, By: Peer},
		"lost: EOF":                               {Code: frame.Abnormal, Err: io.EOF},
		`closed by this side with 1009 "too big"`: {Code: frame.TooBig, Reason: "too big", By: Local, Err: frame.Failure(frame.TooBig, "too big")},
		`closed by this side with 1009: EOF`:      {Code: frame.TooBig, By: Local, Err: io.EOF},
	} {
		assert.Equal(t, want, c.String())
		assert.Equal(t, want, fmt.Sprint(c), "as OnClose of Callbacks has it")
		assert.Equal(t, want, fmt.Sprint(&c))
	}
}
