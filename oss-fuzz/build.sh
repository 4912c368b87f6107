#!/bin/bash -eu
# OSS-Fuzz: builds the targets that need nothing but parser and engine, with the compiler and the flags
# that $CC, $CFLAGS and $LIB_FUZZING_ENGINE say, and puts them with seeds and dictionary into $OUT.
# Run in $SRC/toa. oss-fuzz/try does that without their image.
work=${WORK:?}/toa
cmake -S . -B "$work" -G Ninja -DCMAKE_C_COMPILER="${CC:?}" -DCMAKE_C_FLAGS="${CFLAGS-}" -DCMAKE_BUILD_TYPE=None \
    -DTOA_FUZZ=libfuzzer -DTOA_FUZZ_LINK="${LIB_FUZZING_ENGINE:?}" -DTOA_BUILD_TESTS=OFF -DTOA_BUILD_REPLAY=OFF \
    -DTOA_BUILD_LIVE=OFF
cmake --build "$work" -j "$(nproc)" --target fuzz_dialect fuzz_options fuzz_segment fuzz_text fuzz_engine fuzz_query fuzz_dictionary
for target in dialect options segment text engine query; do
    cp "$work/fuzz/fuzz_$target" "${OUT:?}/"
    (cd "corpus/seeds/$target" && zip -q -r "$OUT/fuzz_${target}_seed_corpus.zip" .)
    if [[ -d corpus/crashes/$target ]]; then
        (cd "corpus/crashes/$target" && zip -q -r "$OUT/fuzz_${target}_seed_corpus.zip" .)
    fi
    cp fuzz/toa.dict "$OUT/fuzz_$target.dict"
    "$work/fuzz/fuzz_dictionary" >>"$OUT/fuzz_$target.dict"
    printf '[libfuzzer]\nmax_len = 4096\n' >"$OUT/fuzz_$target.options"
done
