module handler/function

go 1.21

require example.com/words v1.0.0

replace example.com/words => ./words
