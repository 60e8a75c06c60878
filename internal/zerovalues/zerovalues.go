// Package zerovalues tries what a mistaken program may do with the types of a package. It is for tests.
package zerovalues

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Try calls all methods of the values, usually zero ones, and of nil pointers to those in given: types
// that programs do not make but get. It returns what is wrong, a line each: an exported type of the package in
// folder that has methods and is missing, a method that hangs, and one that panics with more than a line that
// names itself. arguments are what is passed of their types, a zero value of the others.
func Try(folder string, made, given, arguments []any) (wrong []string) {
	with := map[reflect.Type]reflect.Value{
		reflect.TypeFor[context.Context]():     reflect.ValueOf(context.Background()),
		reflect.TypeFor[http.ResponseWriter](): reflect.ValueOf(httptest.NewRecorder()),
		reflect.TypeFor[*http.Request]():       reflect.ValueOf(httptest.NewRequest("GET", "/", nil)),
		reflect.TypeFor[net.Listener]():        reflect.ValueOf(closedListener()),
	}
	for _, a := range arguments {
		with[reflect.TypeOf(a)] = reflect.ValueOf(a)
	}
	missing := typesWithMethods(folder)
	each := func(value any, fresh func() reflect.Value, as string) {
		for i := range fresh().NumMethod() {
			name := fmt.Sprintf(as, reflect.TypeOf(value)) + "." + fresh().Type().Method(i).Name
			wrong = append(wrong, call(name, fresh().Method(i), with)...)
		}
	}
	for _, value := range slices.Concat(made, given) {
		delete(missing, reflect.TypeOf(value).Name())
		each(value, func() reflect.Value {
			p := reflect.New(reflect.TypeOf(value))
			p.Elem().Set(reflect.ValueOf(value))
			return p
		}, "%v{}")
	}
	for _, value := range given {
		each(value, func() reflect.Value { return reflect.Zero(reflect.PointerTo(reflect.TypeOf(value))) }, "(*%v)(nil)")
	}
	for name := range missing {
		wrong = append(wrong, name+" has methods and is not tried")
	}
	return wrong
}

func closedListener() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	l.Close()
	return l
}

// typesWithMethods are the names of the exported types in folder that have exported methods of their own.
func typesWithMethods(folder string) map[string]bool {
	files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
	names := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			panic(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			of := f.Recv.List[0].Type
			if p, ok := of.(*ast.StarExpr); ok {
				of = p.X
			}
			if name, ok := of.(*ast.Ident); ok && name.IsExported() {
				names[name.Name] = true
			}
		}
	}
	return names
}

// call calls method, and what it returns if that is a function, and says what is wrong.
func call(name string, method reflect.Value, with map[reflect.Type]reflect.Value) (wrong []string) {
	over := make(chan any, 1)
	go func() {
		var reason any = "runtime.Goexit was called"
		defer func() {
			if r := recover(); r != nil {
				reason = r
			}
			over <- reason
		}()
		callAll(method, with)
		reason = nil
	}()
	select {
	case reason := <-over:
		if err, ok := reason.(runtime.Error); ok {
			return []string{fmt.Sprintf("%s: %v", name, err)}
		}
		if line := fmt.Sprint(reason); reason != nil && (strings.Contains(line, "\n") || !strings.Contains(line, ": ")) {
			return []string{name + ": panics with what does not name itself: " + line}
		}
	case <-time.After(time.Minute): // a loaded machine is slow
		return []string{name + ": hangs"}
	}
	return nil
}

// callAll calls f, and what it returns if that is functions.
func callAll(f reflect.Value, with map[reflect.Type]reflect.Value) {
	for _, result := range f.Call(argumentsOf(f.Type(), with)) {
		if result.Kind() == reflect.Func && !result.IsNil() {
			callAll(result, with)
		}
	}
}

// argumentsOf are what a function of type t is called with. A function among them returns zero values.
func argumentsOf(t reflect.Type, with map[reflect.Type]reflect.Value) (in []reflect.Value) {
	for i := range t.NumIn() {
		if t.IsVariadic() && i == t.NumIn()-1 {
			break
		}
		of := t.In(i)
		v, ok := with[of]
		switch {
		case ok:
		case of.Kind() == reflect.Func:
			v = reflect.MakeFunc(of, func([]reflect.Value) (out []reflect.Value) {
				for i := range of.NumOut() {
					out = append(out, reflect.Zero(of.Out(i)))
				}
				return out
			})
		default:
			v = reflect.Zero(of)
		}
		in = append(in, v)
	}
	return in
}
