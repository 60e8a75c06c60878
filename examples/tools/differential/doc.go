// Package differential compares Spindrift with another implementation of RFC
// 6455, in a module of its own: the other one is nobody's dependency.
package differential
