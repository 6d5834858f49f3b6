;; a = b + 3c over n f64 (STREAM): what the memory of the machine allows. Built into triad-thread.ts by wabt's wat2wasm.
(module
  (import "env" "memory" (memory 1 65536 shared))
  (func (export "triad") (param $a i32) (param $b i32) (param $c i32) (param $n i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $n) (i32.const 3))))
    (loop $next
      (if (i32.lt_u (local.get $a) (local.get $end)) (then
        (v128.store (local.get $a) (f64x2.add (v128.load (local.get $b)) (f64x2.mul (f64x2.splat (f64.const 3)) (v128.load (local.get $c)))))
        (v128.store offset=16 (local.get $a) (f64x2.add (v128.load offset=16 (local.get $b)) (f64x2.mul (f64x2.splat (f64.const 3)) (v128.load offset=16 (local.get $c)))))
        (v128.store offset=32 (local.get $a) (f64x2.add (v128.load offset=32 (local.get $b)) (f64x2.mul (f64x2.splat (f64.const 3)) (v128.load offset=32 (local.get $c)))))
        (v128.store offset=48 (local.get $a) (f64x2.add (v128.load offset=48 (local.get $b)) (f64x2.mul (f64x2.splat (f64.const 3)) (v128.load offset=48 (local.get $c)))))
        (local.set $a (i32.add (local.get $a) (i32.const 64)))
        (local.set $b (i32.add (local.get $b) (i32.const 64)))
        (local.set $c (i32.add (local.get $c) (i32.const 64)))
        (br $next))))))
