module example

go 1.19

require toa v0.0.0

replace toa => ../../../compat/go
