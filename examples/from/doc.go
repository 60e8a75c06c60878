// Package from has what users of other libraries write, written here: the code of docs/from-*.md.
package from
