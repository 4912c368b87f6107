module toa

go 1.19
