;; Block kernels of federated aggregation. Built into wasm-binary.ts by build.ts; scalar.ts does the same, bit by bit.
;;
;; Contract of every function: pointers are bytes, 16-byte aligned; `n` is a multiple of 16 elements (callers pad). Products and
;; sums are separate double operations, so no machine's fused instruction can change a bit. Inputs are finite.
;; `columns` points to k pointers (i32), one per client; `weights` to k doubles.
(module
  (import "env" "memory" (memory 1 65536 shared))

  ;; out[i] = f32(sum over k, in order, of weights[k] * columns[k][i]), sums in f64. Sixteen elements, one cache line, at a time.
  (func (export "mean_f32") (param $columns i32) (param $weights i32) (param $k i32) (param $out i32) (param $n i32)
    (local $at i32) (local $end i32) (local $c i32) (local $last i32) (local $w i32) (local $p i32) (local $f v128)
    (local $a v128) (local $b v128) (local $d v128) (local $e v128)
    (local $g v128) (local $h v128) (local $i v128) (local $j v128)
    (local.set $end (i32.shl (local.get $n) (i32.const 2)))
    (local.set $last (i32.add (local.get $columns) (i32.shl (local.get $k) (i32.const 2))))
    (loop $line
      (if (i32.lt_u (local.get $at) (local.get $end)) (then
        (local.set $a (v128.const i64x2 0 0)) (local.set $b (v128.const i64x2 0 0))
        (local.set $d (v128.const i64x2 0 0)) (local.set $e (v128.const i64x2 0 0))
        (local.set $g (v128.const i64x2 0 0)) (local.set $h (v128.const i64x2 0 0))
        (local.set $i (v128.const i64x2 0 0)) (local.set $j (v128.const i64x2 0 0))
        (local.set $c (local.get $columns))
        (local.set $w (local.get $weights))
        (loop $client
          (if (i32.lt_u (local.get $c) (local.get $last)) (then
            (local.set $p (i32.add (i32.load (local.get $c)) (local.get $at)))
            (local.set $f (v128.load64_splat (local.get $w)))
            (local.set $a (f64x2.add (local.get $a) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $p))))))
            (local.set $b (f64x2.add (local.get $b) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $p))))))
            (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=16 (local.get $p))))))
            (local.set $e (f64x2.add (local.get $e) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=24 (local.get $p))))))
            (local.set $g (f64x2.add (local.get $g) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=32 (local.get $p))))))
            (local.set $h (f64x2.add (local.get $h) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=40 (local.get $p))))))
            (local.set $i (f64x2.add (local.get $i) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=48 (local.get $p))))))
            (local.set $j (f64x2.add (local.get $j) (f64x2.mul (local.get $f) (f64x2.promote_low_f32x4 (v128.load64_zero offset=56 (local.get $p))))))
            (local.set $c (i32.add (local.get $c) (i32.const 4)))
            (local.set $w (i32.add (local.get $w) (i32.const 8)))
            (br $client))))
        (local.set $p (i32.add (local.get $out) (local.get $at)))
        (v128.store64_lane 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $a)))
        (v128.store64_lane offset=8 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $b)))
        (v128.store64_lane offset=16 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $d)))
        (v128.store64_lane offset=24 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $e)))
        (v128.store64_lane offset=32 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $g)))
        (v128.store64_lane offset=40 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $h)))
        (v128.store64_lane offset=48 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $i)))
        (v128.store64_lane offset=56 0 (local.get $p) (f32x4.demote_f64x2_zero (local.get $j)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $line)))))

  ;; The same of doubles. Eight elements, one cache line, at a time.
  (func (export "mean_f64") (param $columns i32) (param $weights i32) (param $k i32) (param $out i32) (param $n i32)
    (local $at i32) (local $end i32) (local $c i32) (local $last i32) (local $w i32) (local $p i32) (local $f v128)
    (local $a v128) (local $b v128) (local $d v128) (local $e v128)
    (local.set $end (i32.shl (local.get $n) (i32.const 3)))
    (local.set $last (i32.add (local.get $columns) (i32.shl (local.get $k) (i32.const 2))))
    (loop $line
      (if (i32.lt_u (local.get $at) (local.get $end)) (then
        (local.set $a (v128.const i64x2 0 0)) (local.set $b (v128.const i64x2 0 0))
        (local.set $d (v128.const i64x2 0 0)) (local.set $e (v128.const i64x2 0 0))
        (local.set $c (local.get $columns))
        (local.set $w (local.get $weights))
        (loop $client
          (if (i32.lt_u (local.get $c) (local.get $last)) (then
            (local.set $p (i32.add (i32.load (local.get $c)) (local.get $at)))
            (local.set $f (v128.load64_splat (local.get $w)))
            (local.set $a (f64x2.add (local.get $a) (f64x2.mul (local.get $f) (v128.load (local.get $p)))))
            (local.set $b (f64x2.add (local.get $b) (f64x2.mul (local.get $f) (v128.load offset=16 (local.get $p)))))
            (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $f) (v128.load offset=32 (local.get $p)))))
            (local.set $e (f64x2.add (local.get $e) (f64x2.mul (local.get $f) (v128.load offset=48 (local.get $p)))))
            (local.set $c (i32.add (local.get $c) (i32.const 4)))
            (local.set $w (i32.add (local.get $w) (i32.const 8)))
            (br $client))))
        (local.set $p (i32.add (local.get $out) (local.get $at)))
        (v128.store (local.get $p) (local.get $a))
        (v128.store offset=16 (local.get $p) (local.get $b))
        (v128.store offset=32 (local.get $p) (local.get $d))
        (v128.store offset=48 (local.get $p) (local.get $e))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $line)))))

  ;; Sorts each element over the columns, in place, smallest in the first: `network` points to m pairs of column numbers (i32), each
  ;; compared and put in order. One cache line of every column at a time, so that all comparisons of it stay in the first cache.
  (func (export "sort_f32") (param $columns i32) (param $network i32) (param $m i32) (param $n i32)
    (local $at i32) (local $end i32) (local $pair i32) (local $last i32) (local $p i32) (local $q i32) (local $x v128) (local $y v128)
    (local.set $end (i32.shl (local.get $n) (i32.const 2)))
    (local.set $last (i32.add (local.get $network) (i32.shl (local.get $m) (i32.const 3))))
    (loop $line
      (if (i32.lt_u (local.get $at) (local.get $end)) (then
        (local.set $pair (local.get $network))
        (loop $compare
          (if (i32.lt_u (local.get $pair) (local.get $last)) (then
            (local.set $p (i32.add (local.get $at) (i32.load (i32.add (local.get $columns) (i32.shl (i32.load (local.get $pair)) (i32.const 2))))))
            (local.set $q (i32.add (local.get $at) (i32.load (i32.add (local.get $columns) (i32.shl (i32.load offset=4 (local.get $pair)) (i32.const 2))))))
            (local.set $x (v128.load (local.get $p)))
            (local.set $y (v128.load (local.get $q)))
            (v128.store (local.get $p) (f32x4.pmin (local.get $x) (local.get $y)))
            (v128.store (local.get $q) (f32x4.pmax (local.get $x) (local.get $y)))
            (local.set $x (v128.load offset=16 (local.get $p)))
            (local.set $y (v128.load offset=16 (local.get $q)))
            (v128.store offset=16 (local.get $p) (f32x4.pmin (local.get $x) (local.get $y)))
            (v128.store offset=16 (local.get $q) (f32x4.pmax (local.get $x) (local.get $y)))
            (local.set $x (v128.load offset=32 (local.get $p)))
            (local.set $y (v128.load offset=32 (local.get $q)))
            (v128.store offset=32 (local.get $p) (f32x4.pmin (local.get $x) (local.get $y)))
            (v128.store offset=32 (local.get $q) (f32x4.pmax (local.get $x) (local.get $y)))
            (local.set $x (v128.load offset=48 (local.get $p)))
            (local.set $y (v128.load offset=48 (local.get $q)))
            (v128.store offset=48 (local.get $p) (f32x4.pmin (local.get $x) (local.get $y)))
            (v128.store offset=48 (local.get $q) (f32x4.pmax (local.get $x) (local.get $y)))
            (local.set $pair (i32.add (local.get $pair) (i32.const 8)))
            (br $compare))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $line)))))

  ;; The same of doubles.
  (func (export "sort_f64") (param $columns i32) (param $network i32) (param $m i32) (param $n i32)
    (local $at i32) (local $end i32) (local $pair i32) (local $last i32) (local $p i32) (local $q i32) (local $x v128) (local $y v128)
    (local.set $end (i32.shl (local.get $n) (i32.const 3)))
    (local.set $last (i32.add (local.get $network) (i32.shl (local.get $m) (i32.const 3))))
    (loop $line
      (if (i32.lt_u (local.get $at) (local.get $end)) (then
        (local.set $pair (local.get $network))
        (loop $compare
          (if (i32.lt_u (local.get $pair) (local.get $last)) (then
            (local.set $p (i32.add (local.get $at) (i32.load (i32.add (local.get $columns) (i32.shl (i32.load (local.get $pair)) (i32.const 2))))))
            (local.set $q (i32.add (local.get $at) (i32.load (i32.add (local.get $columns) (i32.shl (i32.load offset=4 (local.get $pair)) (i32.const 2))))))
            (local.set $x (v128.load (local.get $p)))
            (local.set $y (v128.load (local.get $q)))
            (v128.store (local.get $p) (f64x2.pmin (local.get $x) (local.get $y)))
            (v128.store (local.get $q) (f64x2.pmax (local.get $x) (local.get $y)))
            (local.set $pair (i32.add (local.get $pair) (i32.const 8)))
            (br $compare))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $line)))))

  ;; Squared Euclidean distance of two columns: eight running sums in f64 (element i goes to sum i mod 8), added up as
  ;; (((0+2)+4)+6) + (((1+3)+5)+7).
  (func (export "distance_f32") (param $p i32) (param $q i32) (param $n i32) (result f64)
    (local $end i32) (local $x v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $end (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 2))))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end)) (then
        (local.set $x (f64x2.sub (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $p))) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $q)))))
        (local.set $a (f64x2.add (local.get $a) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $x (f64x2.sub (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $p))) (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $q)))))
        (local.set $b (f64x2.add (local.get $b) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $x (f64x2.sub (f64x2.promote_low_f32x4 (v128.load64_zero offset=16 (local.get $p))) (f64x2.promote_low_f32x4 (v128.load64_zero offset=16 (local.get $q)))))
        (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $x (f64x2.sub (f64x2.promote_low_f32x4 (v128.load64_zero offset=24 (local.get $p))) (f64x2.promote_low_f32x4 (v128.load64_zero offset=24 (local.get $q)))))
        (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $p (i32.add (local.get $p) (i32.const 32)))
        (local.set $q (i32.add (local.get $q) (i32.const 32)))
        (br $next))))
    (local.set $a (f64x2.add (f64x2.add (f64x2.add (local.get $a) (local.get $b)) (local.get $c)) (local.get $d)))
    (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a))))

  (func (export "distance_f64") (param $p i32) (param $q i32) (param $n i32) (result f64)
    (local $end i32) (local $x v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $end (i32.add (local.get $p) (i32.shl (local.get $n) (i32.const 3))))
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end)) (then
        (local.set $x (f64x2.sub (v128.load (local.get $p)) (v128.load (local.get $q))))
        (local.set $a (f64x2.add (local.get $a) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $x (f64x2.sub (v128.load offset=16 (local.get $p)) (v128.load offset=16 (local.get $q))))
        (local.set $b (f64x2.add (local.get $b) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $x (f64x2.sub (v128.load offset=32 (local.get $p)) (v128.load offset=32 (local.get $q))))
        (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $x (f64x2.sub (v128.load offset=48 (local.get $p)) (v128.load offset=48 (local.get $q))))
        (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $x) (local.get $x))))
        (local.set $p (i32.add (local.get $p) (i32.const 64)))
        (local.set $q (i32.add (local.get $q) (i32.const 64)))
        (br $next))))
    (local.set $a (f64x2.add (f64x2.add (f64x2.add (local.get $a) (local.get $b)) (local.get $c)) (local.get $d)))
    (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a))))

  ;; Halves to singles, exact. Subnormal halves come from their fraction as an integer, so that no single is subnormal on the way: a
  ;; thread may take subnormals for zero (native libraries set that). Infinities become 65 536: callers have refused them.
  (func (export "from_f16") (param $from i32) (param $to i32) (param $n i32)
    (local $end i32) (local $x v128) (local $size v128) (local $small v128) (local $large v128)
    (local.set $end (i32.add (local.get $to) (i32.shl (local.get $n) (i32.const 2))))
    (loop $next
      (if (i32.lt_u (local.get $to) (local.get $end)) (then
        (local.set $x (v128.load16x4_u (local.get $from)))
        (local.set $size (v128.and (local.get $x) (i32x4.splat (i32.const 0x7fff))))
        (local.set $small (f32x4.mul (f32x4.convert_i32x4_u (local.get $size)) (f32x4.splat (f32.const 0x1p-24))))
        (local.set $large (i32x4.add (i32x4.shl (local.get $size) (i32.const 13)) (i32x4.splat (i32.const 0x38000000))))
        (v128.store (local.get $to)
          (v128.or
            (i32x4.shl (v128.and (local.get $x) (i32x4.splat (i32.const 0x8000))) (i32.const 16))
            (v128.bitselect (local.get $small) (local.get $large) (i32x4.lt_u (local.get $size) (i32x4.splat (i32.const 0x400))))))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br $next)))))

  ;; Singles to halves, to nearest, ties to even. Below 2^-14 by adding 1/2, whose last bit is the unit of subnormal halves;
  ;; above by adding half of a half's unit, less one where the kept part is even, so that the carry rounds.
  (func (export "to_f16") (param $from i32) (param $to i32) (param $n i32)
    (local $end i32) (local $x v128) (local $size v128) (local $small v128) (local $large v128) (local $half v128)
    (local.set $end (i32.add (local.get $from) (i32.shl (local.get $n) (i32.const 2))))
    (loop $next
      (if (i32.lt_u (local.get $from) (local.get $end)) (then
        (local.set $x (v128.load (local.get $from)))
        (local.set $size (v128.and (local.get $x) (i32x4.splat (i32.const 0x7fffffff))))
        (local.set $small (i32x4.sub (f32x4.add (local.get $size) (f32x4.splat (f32.const 0.5))) (i32x4.splat (i32.const 0x3f000000))))
        (local.set $large
          (i32x4.shr_u
            (i32x4.add
              (i32x4.add (local.get $size) (i32x4.splat (i32.const 0xc8000fff)))
              (v128.and (i32x4.shr_u (local.get $size) (i32.const 13)) (i32x4.splat (i32.const 1))))
            (i32.const 13)))
        ;; 2^-14 = 0x38800000; 65 520 = 0x477ff000 and all beyond is infinite.
        (local.set $half (v128.bitselect (local.get $small) (local.get $large) (i32x4.lt_u (local.get $size) (i32x4.splat (i32.const 0x38800000)))))
        (local.set $half (v128.bitselect (i32x4.splat (i32.const 0x7c00)) (local.get $half) (i32x4.ge_u (local.get $size) (i32x4.splat (i32.const 0x477ff000)))))
        (local.set $half (v128.or (local.get $half) (i32x4.shr_u (v128.and (local.get $x) (i32x4.splat (i32.const 0x80000000))) (i32.const 16))))
        (v128.store64_lane 0 (local.get $to) (i16x8.narrow_i32x4_u (local.get $half) (local.get $half)))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (br $next)))))
)
