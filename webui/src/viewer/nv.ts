// 3D rendering of reduced images, surfaces and fibers; with strands.ts the only one that knows NiiVue.
import NiiVue from "@niivue/niivue/webgl2";
import type { Rgb } from "./colormaps";
import type { FiberLook } from "./fiberpainter";
import type { Vec3 } from "./linalg";
import { add } from "./linalg";
import type { Pose3d } from "./pose3d";
import type { Camera } from "./render3d";
import type { StrandCount } from "./strands";
import { Strands } from "./strands";

const SLICE_TYPE_RENDER = 4;

export interface Volume3d {
  id: string;
  file: File;
  /** Null: grey values; else one colour. */
  colour: Rgb | null;
  opacity: number;
}

export interface Mesh3d {
  id: string;
  source: string | File;
  name: string;
  colour: Rgb;
  opacity: number;
}

export interface Fibers3d extends FiberLook {
  id: string;
  source: string | File;
  name: string;
}

export interface Scene3d {
  volumes: readonly Volume3d[];
  meshes: readonly Mesh3d[];
  fibers: readonly Fibers3d[];
  /** Depth, azimuth and elevation of the plane that cuts images; null: none. */
  clip: readonly [number, number, number] | null;
}

/** Beyond the image: nothing is cut. */
const NO_CLIP = [2, 0, 0] as const;

/** Grey that lets the dark surroundings through. */
const GREY = {
  R: [0, 60, 255],
  G: [0, 60, 255],
  B: [0, 60, 255],
  A: [0, 24, 110],
  I: [0, 60, 255],
};

export class Renderer3d {
  private shown = "";
  /** Called whenever the picture is about to be drawn anew. */
  onDraw: () => void = () => undefined;
  /** Something has been shown: its middle and its size are known. */
  private ready = false;

  private wanted: Scene3d | null = null;
  private last: Promise<void> = Promise.resolve();

  /** Its streamlines, drawn as lines into its picture. */
  private readonly strands: Strands;

  /** Middle of everything that is shown. */
  private middle: Vec3 = [0, 0, 0];

  private constructor(
    private readonly nv: NiiVue,
    private aim: Camera,
    software: boolean,
  ) {
    this.strands = new Strands(nv, software, () => this.pose);
  }

  /** Take over a canvas; `software` draws at half resolution. */
  static async on(
    canvas: HTMLCanvasElement,
    software: boolean,
    background: string,
    camera: Camera,
  ): Promise<Renderer3d> {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(background.slice(at, at + 2), 16) / 255);
    const nv = new NiiVue({
      backend: "webgl2",
      isDragDropEnabled: false,
      sliceType: SLICE_TYPE_RENDER,
      backgroundColor: [r!, g!, b!, 1],
      isColorbarVisible: false,
      isOrientCubeVisible: false,
      isOrientationTextVisible: false,
      is3DCrosshairVisible: false,
      isLegendVisible: false,
      // Lit in grey: NiiVue's own light is the colour of flesh.
      matcaps: { grey: new URL("./matcap.png", import.meta.url).href },
      logLevel: "error",
      placeholderText: "",
      azimuth: camera.azimuth,
      elevation: camera.elevation,
      scaleMultiplier: camera.zoom,
      ...(software ? { devicePixelRatio: 0.5, isAntiAlias: false } : {}),
    });
    await nv.attachToCanvas(canvas);
    const made = new Renderer3d(nv, camera, software);
    const draw = nv.drawScene.bind(nv);
    nv.drawScene = (...how) => {
      draw(...how);
      if (made.ready) made.onDraw();
    };
    return made;
  }

  private colormap(colour: Rgb | null): string {
    if (!colour) return this.nv.addColormap("nora-grey", GREY);
    const [R, G, B] = colour.map((v) => [0, v, v]) as [number[], number[], number[]];
    const table = { R, G, B, A: [0, 120, 200], I: [0, 100, 255] };
    return this.nv.addColormap(`nora-${colour.join("-")}`, table);
  }

  /** Show a scene once the one before is there; of several that wait only the last one is. */
  show(scene: Scene3d): Promise<void> {
    this.wanted = scene;
    const next = (): Promise<void> | undefined =>
      this.wanted === scene ? this.load(scene) : undefined;
    this.last = this.last.then(next, next);
    return this.last;
  }

  /** Load what the scene names; nothing happens when it is the same as before. */
  private async load(scene: Scene3d): Promise<void> {
    const key = JSON.stringify([
      scene.volumes.map((v) => [v.id, v.colour, v.opacity]),
      scene.meshes.map((m) => [m.id, m.colour, m.opacity]),
      scene.fibers.map((f) => f.id),
    ]);
    this.strands.look(scene.fibers);
    this.clip(scene.clip);
    if (key === this.shown) return this.nv.drawScene();
    this.shown = key;
    await this.nv.loadVolumes(
      scene.volumes.map(({ file, colour, opacity }) => ({
        url: file,
        name: file.name,
        colormap: this.colormap(colour),
        calMin: 1,
        calMax: 255,
        opacity,
        isColorbarVisible: false,
      })),
    );
    const fibers = await this.strands.take(scene.fibers);
    await this.nv.loadMeshes([
      ...fibers,
      ...scene.meshes.map(({ source, name, colour, opacity }) => ({
        url: source,
        name,
        opacity,
        color: [...colour.map((v) => v / 255), 1] as never,
        isColorbarVisible: false,
      })),
    ]);
    this.strands.through = scene.volumes.length > 0 || scene.meshes.some((m) => m.opacity < 1);
    this.clip(scene.clip);
    const [x, y, z] = this.nv.model.pivot3D;
    this.middle = [x!, y!, z!];
    this.look(this.aim);
    this.ready = true;
    this.nv.volumeIllumination = scene.volumes.length ? 0.6 : 0;
    this.nv.drawScene();
  }

  private clip(plane: Scene3d["clip"]): void {
    this.nv.setClipPlane([...(plane ?? NO_CLIP)]);
  }

  /** Where the camera stands. */
  get camera(): Camera {
    return this.aim;
  }

  /** How places of the world come onto the picture. */
  get pose(): Pose3d {
    const { pivot3D, furthestFromPivot, scene } = this.nv.model;
    const pivot = [pivot3D[0]!, pivot3D[1]!, pivot3D[2]!] as const;
    return { ...this.camera, pivot, reach: furthestFromPivot, zoom: scene.scaleMultiplier };
  }

  /** Look from somewhere. */
  look(camera: Camera): void {
    this.aim = camera;
    const { azimuth, elevation, zoom, pan } = camera;
    this.nv.model.pivot3D = [...add(this.middle, pan)];
    Object.assign(this.nv, { azimuth, elevation, scaleMultiplier: zoom });
  }

  /** How many streamlines are drawn of how many, by layer. */
  get counts(): ReadonlyMap<string, StrandCount> {
    return this.strands.counts;
  }

  dispose(): void {
    this.strands.dispose();
    this.nv.destroy();
  }
}
